import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * What one of its threads waits with for an answer. Opaque; every request is answered with the one that it came with,
 * exactly once: a second answer would release the next request of that thread before it has been performed.
 */
export type WaitingThread = Uint8Array

/** The operations that we serve; the package has more, for drives that can be written to. */
export type FuseOperation =
  | 'init'
  | 'getattr'
  | 'fgetattr'
  | 'readdir'
  | 'open'
  | 'read'
  | 'release'
  | 'statfs'
  | 'getxattr'
  | 'listxattr'

type OperationNumbers = { readonly [Name in FuseOperation as `op_${Name}`]: number }

type Signals = {
  readonly [Name in FuseOperation as `fuse_native_signal_${Name}`]: (
    thread: WaitingThread,
    ...answer: readonly unknown[]
  ) => void
}

/**
 * The compiled half of fuse-native 2.2.6, the last version there is; written by hand, of what we use. Its JavaScript half
 * cannot be used: it unmounts through a shell that expands the directory's name, tells `getxattr` nothing of the size
 * of its buffer, has no option for read-only mounts, and mounts asynchronously.
 *
 * @see https://github.com/fuse-friends/fuse-native/blob/master/fuse-native.c
 */
export interface FuseNativeBinding extends OperationNumbers, Signals {
  readonly sizeof_fuse_thread_t: number
  /**
   * @param state of `sizeof_fuse_thread_t` bytes. libuv's handles are in there and in what `allocate` returns, and are never
   *   closed: all of it has to live as long as the process, which `keepAlive` does.
   * @param handlers by operation number: called with a thread, the operation's number and its arguments
   * @param implemented 1 at the numbers of operations that the kernel is to be told of
   * @throws {Error} without a reason; libfuse has printed it to standard error
   */
  fuse_native_mount(
    directory: string,
    options: string,
    state: Uint8Array,
    keepAlive: object,
    allocate: (size: number) => Uint8Array,
    handlers: readonly FuseNativeHandler[],
    implemented: Uint32Array,
  ): void
  /** Unmounts nothing: the event loop is not kept running any more. */
  fuse_native_unmount(directory: string, state: Uint8Array): void
}

export type FuseNativeHandler = (
  thread: WaitingThread,
  operation: number,
  ...args: readonly unknown[]
) => void

/** How many numbers the package has for operations. */
export const OPERATION_NUMBERS = 35

// dlopen(3). Node.js unloads a library that is no addon, and says so; with this flag it stays.
const RTLD_NODELETE = 0x1000

/**
 * The package is optional: it has been compiled for few machines, and npm leaves it out where it cannot be installed.
 *
 * @throws {Error} `MODULE_NOT_FOUND` if it is not there, `ERR_DLOPEN_FAILED` or none if it is not for this machine
 */
export function loadFuseNative(): FuseNativeBinding {
  const require = createRequire(import.meta.url)
  const directory = dirname(require.resolve('fuse-native/package.json'))
  const load = createRequire(join(directory, 'index.js'))('node-gyp-build') as (
    directory: string,
  ) => FuseNativeBinding
  try {
    return load(directory)
  } catch (failure) {
    // The addon asks for libfuse.so.2, which few systems still install, and does not look at the one beside it.
    if (!/libfuse\.so\.2/.test(String(failure))) throw failure
    keepLoaded(join(directory, 'prebuilds', `${process.platform}-${process.arch}`, 'libfuse.so'))
    return load(directory)
  }
}

/** The dynamic linker takes a library that is loaded for the one of the same name that an addon asks for. */
function keepLoaded(library: string): void {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY | RTLD_NODELETE)
  } catch {
    // "Module did not self-register": it is no addon. Whether it is loaded now, loading the addon will tell.
  }
}
