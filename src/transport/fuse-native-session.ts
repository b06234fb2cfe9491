import { constants } from 'node:os'
import { toErrno } from '../fs/errno.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import {
  OPERATION_NUMBERS,
  type FuseNativeBinding,
  type FuseNativeHandler,
  type FuseOperation,
} from './fuse-native-package.js'
import { NO_STAT, NO_STATFS, type Listing } from './fuse-native-records.js'

const { errno } = constants
const WORD = 2 ** 32

/**
 * What a mount is asked, by path or by the number that `open` has answered (31 bits, above 0).
 * What is thrown becomes an errno. `signal` aborts when the answer would come too late to be of use.
 */
export interface FuseOperations {
  /** A record of `fuse-native-records.ts`, as all that follow. */
  getattr(path: string, signal: AbortSignal): Promise<Uint32Array>
  fgetattr(handle: number): Uint32Array
  readdir(path: string, signal: AbortSignal): Promise<Listing>
  open(path: string, flags: number, signal: AbortSignal): Promise<number>
  read(handle: number, start: Bytes, length: Bytes, signal: AbortSignal): Promise<Uint8Array>
  release(handle: number): void
  statfs(): Uint32Array
  getxattr(path: string, name: string, signal: AbortSignal): Promise<Uint8Array>
  listxattr(path: string, signal: AbortSignal): Promise<readonly string[]>
}

export interface FuseNativeSessionOptions {
  readonly binding: FuseNativeBinding
  readonly directory: string
  /** As after `-o`. */
  readonly mountOptions: readonly string[]
  readonly operations: FuseOperations
  /** For what has no deadline of its own: a thread of libfuse waits with each request. */
  readonly deadline: Milliseconds
  /** A request failed for a reason that is not a {@link Fault}. */
  readonly onBug: (operation: string, failure: unknown) => void
}

/** What the package's `fuse_native_signal_…` takes after the thread: a result (a negative errno), and what belongs to it. */
type Answer = readonly [result: number, ...rest: readonly unknown[]]

/**
 * One mount of the fuse-native package. Every request is answered once, by `#serve`; the memory that came with it is
 * libfuse's and is written to right before that, never after.
 */
export class FuseNativeSession {
  readonly #options: FuseNativeSessionOptions
  readonly #state: Uint8Array
  readonly #waiting = new Set<AbortController>()
  readonly #numbers: Readonly<Record<FuseOperation, number>>
  #isClosed = false

  /** Mounts. @throws {Error} what the package throws; something may be mounted all the same */
  constructor(options: FuseNativeSessionOptions) {
    const { binding, directory, mountOptions } = options
    this.#options = options
    this.#numbers = {
      init: binding.op_init,
      getattr: binding.op_getattr,
      fgetattr: binding.op_fgetattr,
      readdir: binding.op_readdir,
      open: binding.op_open,
      read: binding.op_read,
      release: binding.op_release,
      statfs: binding.op_statfs,
      getxattr: binding.op_getxattr,
      listxattr: binding.op_listxattr,
    }
    this.#state = Buffer.alloc(binding.sizeof_fuse_thread_t)
    const allocated: Uint8Array[] = []
    const allocate = (size: number) => {
      const memory = Buffer.alloc(size)
      allocated.push(memory)
      return memory
    }
    const implemented = new Uint32Array(OPERATION_NUMBERS)
    for (const number of Object.values(this.#numbers)) implemented[number] = 1
    const keepAlive = { state: this.#state, allocated }
    const handlers = this.#handlers()
    const text = `-o${mountOptions.join(',')}`
    binding.fuse_native_mount(directory, text, this.#state, keepAlive, allocate, handlers, implemented)
  }

  /**
   * Whatever waits fails, and so does everything that is asked from now on: programs may hold on to a mount that was
   * detached, and the threads that serve it end only with them.
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const abort of this.#waiting) abort.abort(new Fault('cancelled', 'The drive was unmounted'))
    this.#options.binding.fuse_native_unmount(this.#options.directory, this.#state)
  }

  #handlers(): FuseNativeHandler[] {
    const { operations } = this.#options
    const none: FuseNativeHandler = () => {}
    const handlers = Array.from({ length: OPERATION_NUMBERS }, () => none)
    const serve = <Args extends readonly unknown[], Result>(
      operation: FuseOperation,
      work: (args: Args, signal: AbortSignal) => Result | Promise<Result>,
      answer: (result: Result, args: Args) => Answer,
      refuse: (error: number, args: Args) => Answer,
    ): void => {
      const signalName = `fuse_native_signal_${operation}` as const
      handlers[this.#numbers[operation]] = (thread, _, ...raw) => {
        // What the package passes, as declared at each operation below.
        const args = raw as unknown as Args
        void this.#serve(operation, signal => work(args, signal)).then(outcome => {
          const said = 'error' in outcome ? refuse(-outcome.error, args) : answer(outcome.result, args)
          this.#options.binding[signalName](thread, ...said)
        })
      }
    }

    serve<[], unknown>(
      'init',
      () => undefined,
      () => [0],
      () => [0],
    )
    serve<[path: string], Uint32Array>(
      'getattr',
      ([path], signal) => operations.getattr(path, signal),
      stat => [0, stat],
      error => [error, NO_STAT],
    )
    serve<[path: string, handle: number], Uint32Array>(
      'fgetattr',
      ([, handle]) => operations.fgetattr(handle),
      stat => [0, stat],
      error => [error, NO_STAT],
    )
    serve<[path: string], Listing>(
      'readdir',
      ([path], signal) => operations.readdir(path, signal),
      ({ names, stats }) => [0, names, stats],
      error => [error, [], []],
    )
    serve<[path: string, flags: number], number>(
      'open',
      ([path, flags], signal) => operations.open(path, flags, signal),
      handle => [0, handle],
      error => [error, 0],
    )
    serve<
      [path: string, handle: number, into: Buffer, length: number, low: number, high: number],
      Uint8Array
    >(
      'read',
      ([, handle, , length, low, high], signal) => operations.read(handle, low + high * WORD, length, signal),
      (bytes, [, , into]) => [fill(into, bytes), 0, into.buffer],
      (error, [, , into]) => [error, 0, into.buffer],
    )
    serve<[path: string, handle: number], unknown>(
      'release',
      ([, handle]) => operations.release(handle),
      () => [0],
      error => [error],
    )
    serve<[path: string], Uint32Array>(
      'statfs',
      () => operations.statfs(),
      record => [0, record],
      error => [error, NO_STATFS],
    )
    serve<[path: string, name: string, into: Buffer, position: number], Uint8Array>(
      'getxattr',
      ([path, name], signal) => operations.getxattr(path, name, signal),
      (value, [, , into, position]) => [fillOrMeasure(into, value.subarray(position)), into.buffer],
      (error, [, , into]) => [error, into.buffer],
    )
    serve<[path: string, into: Buffer], readonly string[]>(
      'listxattr',
      ([path], signal) => operations.listxattr(path, signal),
      (names, [, into]) => [
        fillOrMeasure(into, Buffer.from(names.map(name => `${name}\0`).join(''))),
        into.buffer,
      ],
      (error, [, into]) => [error, into.buffer],
    )
    return handlers
  }

  /** Settles within the deadline, whatever `work` does later. Never rejects. */
  async #serve<Result>(
    operation: FuseOperation,
    work: (signal: AbortSignal) => Result | Promise<Result>,
  ): Promise<{ readonly result: Result } | { readonly error: number }> {
    // A release is carried out also then: it may be the one of a file that is still open.
    if (this.#isClosed && operation !== 'release') return { error: errno.ENOTCONN }
    const abort = new AbortController()
    const { signal } = abort
    this.#waiting.add(abort)
    const late = () => abort.abort(new Fault('timed-out', `"${operation}" took too long and was given up`))
    const timer = setTimeout(late, this.#options.deadline)
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    try {
      return { result: await Promise.race([work(signal), ended]) }
    } catch (failure) {
      if (this.#isClosed) return { error: errno.ENOTCONN }
      if (!isFault(failure)) this.#options.onBug(operation, failure)
      return { error: toErrno(failure) }
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(abort)
    }
  }
}

/** @returns how many bytes there are */
function fill(into: Buffer, bytes: Uint8Array): number {
  into.set(bytes.subarray(0, into.length))
  return Math.min(bytes.length, into.length)
}

/** As getxattr(2): asked with no room it says how much is needed. libfuse would read past the end of what it is given. */
function fillOrMeasure(into: Buffer, bytes: Uint8Array): number {
  if (into.length === 0) return bytes.length
  return bytes.length > into.length ? -errno.ERANGE : fill(into, bytes)
}
