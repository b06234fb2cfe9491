import { getSystemErrorName } from 'node:util'
import { toErrno } from '../../src/fs/errno.js'
import type { Attributes, FileSystem } from '../../src/fs/file-system.js'
import type { NodeId } from '../../src/model/ids.js'
import type { DriveUnderTest, Shown } from './drive-under-test.js'

const O_RDONLY = 0
const O_RDWR = 2
const NOBODY = { pid: 0, uid: 0 }

/** A library of a {@link FileSystem}, without a kernel: does by itself what the kernel does with paths. */
export class FileSystemDrive implements DriveUnderTest {
  readonly #fs: FileSystem
  readonly #root: readonly string[]
  readonly #signal = new AbortController().signal

  /** @param root names that lead from the drive's root to the library */
  constructor(fs: FileSystem, root: readonly string[]) {
    this.#fs = fs
    this.#root = root
  }

  list(path: string): Promise<string[]> {
    return this.#asKernel(async () => {
      const { node } = await this.#find(path)
      await this.#fs.opendir(node, this.#signal)
      return this.#fs.readdir(node).map(({ name }) => name)
    })
  }

  stat(path: string): Promise<Shown> {
    return this.#asKernel(async () => {
      const { ino, kind, size, blocks, modified, permissions } = await this.#find(path)
      return { ino, isDirectory: kind === 'directory', size, blocks, modified, permissions }
    })
  }

  async readWhole(path: string): Promise<Buffer> {
    const { size } = await this.stat(path)
    const [bytes] = await this.readPieces(path, [[0, size]])
    return bytes ?? Buffer.alloc(0)
  }

  readPieces(path: string, pieces: readonly (readonly [number, number])[]): Promise<Buffer[]> {
    return this.#asKernel(async () => {
      const { node } = await this.#find(path)
      const { handle } = await this.#fs.open(node, O_RDONLY, NOBODY, this.#signal)
      try {
        const read: Buffer[] = []
        for (const [start, length] of pieces) {
          read.push(Buffer.from(await this.#fs.read(handle, { start, end: start + length }, this.#signal)))
        }
        return read
      } finally {
        this.#fs.release(handle)
      }
    })
  }

  openForWriting(path: string): Promise<void> {
    return this.#asKernel(async () => {
      const { handle } = await this.#fs.open((await this.#find(path)).node, O_RDWR, NOBODY, this.#signal)
      this.#fs.release(handle)
    })
  }

  xattr(path: string, name: string): Promise<string> {
    return this.#asKernel(async () =>
      Buffer.from(await this.#fs.getxattr((await this.#find(path)).node, name, this.#signal)).toString(),
    )
  }

  xattrNames(path: string): Promise<string[]> {
    return this.#asKernel(async () => [...this.#fs.listxattr((await this.#find(path)).node)])
  }

  async #find(path: string): Promise<Attributes> {
    let found = this.#fs.getattr(1 as NodeId)
    for (const name of [...this.#root, ...path.split('/').filter(Boolean)]) {
      const next = await this.#fs.lookup(found.node, name, this.#signal)
      if (next === undefined) throw Object.assign(new Error(name), { code: 'ENOENT' })
      found = next
    }
    return found
  }

  async #asKernel<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work()
    } catch (failure) {
      if ((failure as { code?: unknown }).code === 'ENOENT') throw failure
      const code = getSystemErrorName(-toErrno(failure))
      throw Object.assign(new Error(code, { cause: failure }), { code })
    }
  }
}
