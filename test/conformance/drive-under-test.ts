import { execFile } from 'node:child_process'
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Shown {
  readonly ino: number
  readonly isDirectory: boolean
  readonly size: number
  readonly blocks: number
  /** Milliseconds since the epoch. */
  readonly modified: number
  readonly permissions: number
}

/**
 * One library as the suite sees it: through a mount, or straight from the file system.
 * Paths are relative to the library, without a leading slash; '' is the library itself.
 * Every method rejects with an error whose `code` is the errno's name, as node:fs does.
 */
export interface DriveUnderTest {
  list(path: string): Promise<string[]>
  stat(path: string): Promise<Shown>
  readWhole(path: string): Promise<Buffer>
  /** One open, several reads in the order given, one close. */
  readPieces(path: string, pieces: readonly (readonly [offset: number, size: number])[]): Promise<Buffer[]>
  openForWriting(path: string): Promise<void>
  xattr(path: string, name: string): Promise<string>
  xattrNames(path: string): Promise<string[]>
}

/** A directory of this machine: the mount under test, or the reference beside it. */
export class LocalDirectory implements DriveUnderTest {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  list(path: string): Promise<string[]> {
    return readdir(join(this.#directory, path))
  }

  async stat(path: string): Promise<Shown> {
    const { ino, size, blocks, mtimeMs, mode } = await stat(join(this.#directory, path))
    const isDirectory = (mode & 0o170000) === 0o040000
    return { ino, isDirectory, size, blocks, modified: mtimeMs, permissions: mode & 0o7777 }
  }

  readWhole(path: string): Promise<Buffer> {
    return readFile(join(this.#directory, path))
  }

  async readPieces(path: string, pieces: readonly (readonly [number, number])[]): Promise<Buffer[]> {
    const file = await open(join(this.#directory, path))
    try {
      const read: Buffer[] = []
      for (const [offset, size] of pieces) {
        const buffer = Buffer.alloc(size)
        const { bytesRead } = await file.read(buffer, 0, size, offset)
        read.push(buffer.subarray(0, bytesRead))
      }
      return read
    } finally {
      await file.close()
    }
  }

  openForWriting(path: string): Promise<void> {
    return writeFile(join(this.#directory, path), 'I must not be written', { flag: 'r+' })
  }

  async xattr(path: string, name: string): Promise<string> {
    return await python('import os,sys; print(os.getxattr(sys.argv[1], sys.argv[2]).decode(), end="")', [
      join(this.#directory, path),
      name,
    ])
  }

  async xattrNames(path: string): Promise<string[]> {
    const names = await python('import os,sys; print("\\n".join(os.listxattr(sys.argv[1])), end="")', [
      join(this.#directory, path),
    ])
    return names.split('\n').filter(name => name !== '')
  }
}

/** Node cannot read extended attributes. @throws an error with the errno's name as `code` */
async function python(program: string, args: readonly string[]): Promise<string> {
  const guarded = `import errno,sys\ntry:\n  exec(${JSON.stringify(program)})\nexcept OSError as e:\n  print(errno.errorcode[e.errno], file=sys.stderr); sys.exit(1)`
  try {
    const { stdout } = await execute('python3', ['-c', guarded, ...args], {
      timeout: 30_000,
      killSignal: 'SIGKILL',
    })
    return stdout
  } catch (failure) {
    const code = (failure as { stderr?: string }).stderr?.trim() ?? 'EIO'
    throw Object.assign(new Error(code), { code })
  }
}
