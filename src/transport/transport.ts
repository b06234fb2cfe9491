import type { FileSystem, KernelView } from '../fs/file-system.js'

export interface MountOptions {
  /** Absolute path of an existing, empty directory. */
  readonly directory: string
  readonly allowOther: boolean
  /** Whatever would change something is refused, except setting our attributes. */
  readonly readOnly: boolean
  /** Let the kernel read verified files without us, where the process may. */
  readonly passthrough: boolean
}

/** A drive in the kernel. */
export interface Mount {
  readonly directory: string
  /** Tells the kernel's caches what changed. */
  readonly view: KernelView
  /** Resolves when the mount is gone, whoever unmounted it. */
  readonly gone: Promise<void>
  /** Lazy: programs that hold files open see errors from now on. */
  unmount(): Promise<void>
}

/** Puts a {@link FileSystem} into the kernel. */
export interface Transport {
  /** @throws {Fault} `fuse-missing`, `fusermount-missing`, `mount-refused` */
  mount(fileSystem: FileSystem, options: MountOptions): Mount
}
