import { closeSync, ftruncateSync, openSync, rmSync, unlink, write } from 'node:fs'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Receive } from '../http/receive.js'
import { type Content, type ContentReader, MemoryContent } from './content.js'
import { QuickXorHash } from './quick-xor-hash.js'

/** Whole periods of the hash, and three fragments of the smallest size: pieces stay aligned to both. */
const PIECE = 3 * 320 * 1024
/** Smaller files are not worth a file of this machine. */
const IN_MEMORY = 64 * 1024

/** Where uploaded bytes live: a directory that ends with the emulator. */
export class Spool {
  readonly #directory: string
  #made = 0

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** @param parent what an emulator that was killed has left there is removed */
  static async open(parent: string): Promise<Spool> {
    for (const name of await readdir(parent)) {
      const owner = /^uploads-(\d+)-/.exec(name)?.[1]
      if (owner !== undefined && !isAlive(Number(owner))) await rm(join(parent, name), { recursive: true })
    }
    return new Spool(await mkdtemp(join(parent, `uploads-${process.pid}-`)))
  }

  create(): SpoolFile {
    return new SpoolFile(join(this.#directory, String(++this.#made)))
  }

  /**
   * A whole body as content.
   *
   * @param length as announced
   */
  async store(receive: Receive, length: number | undefined): Promise<Content> {
    if (length !== undefined && length <= IN_MEMORY) {
      const chunks: Buffer[] = []
      await receive(chunk => {
        chunks.push(chunk)
        return undefined
      })
      return new MemoryContent(Buffer.concat(chunks))
    }
    const file = this.create()
    try {
      await file.append(receive)
      return file.finish()
    } catch (failure) {
      file.discard()
      throw failure
    }
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A file that grows by what is received. Each time all of it counts, or nothing. */
export class SpoolFile {
  readonly #path: string
  readonly #fd: number
  readonly #hash = new QuickXorHash()
  #size = 0
  #open = true

  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, 'wx', 0o600)
  }

  get size(): number {
    return this.#size
  }

  /** Whatever `receive` hands over; nothing of it counts if that fails. */
  async append(receive: Receive): Promise<void> {
    const writer = new PieceWriter(this.#fd, this.#size)
    try {
      await receive(chunk => writer.take(chunk))
      writer.end()
    } finally {
      await writer.settled()
    }
    this.#hash.append(writer.hash)
    this.#size += writer.size
  }

  finish(): Content {
    ftruncateSync(this.#fd, this.#size) // behind it may lie what did not count
    this.#close()
    return new SpooledContent(this.#path, this.#size, this.#hash.digest())
  }

  discard(): void {
    this.#close()
    unlink(this.#path, () => undefined)
  }

  #close(): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }
}

/** Gathers small chunks, as TLS delivers them, into few large writes, one of which may be on its way. */
class PieceWriter {
  readonly hash = new QuickXorHash()
  readonly #fd: number
  readonly #start: number
  #piece: Buffer = Buffer.allocUnsafe(PIECE)
  #spare: Buffer | undefined = Buffer.allocUnsafe(PIECE)
  #filled = 0
  #written = 0
  #onItsWay: Promise<void> = Promise.resolve()

  constructor(fd: number, start: number) {
    this.#fd = fd
    this.#start = start
  }

  get size(): number {
    return this.#written + this.#filled
  }

  take(chunk: Buffer): Promise<void> | undefined {
    const taken = this.#fill(chunk)
    return taken === chunk.length ? undefined : this.#takeRest(chunk.subarray(taken))
  }

  end(): void {
    this.#send(this.#piece.subarray(0, this.#filled))
    this.#filled = 0
  }

  /** Rejects if something could not be written. */
  async settled(): Promise<void> {
    await this.#onItsWay
  }

  async #takeRest(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      await this.#onItsWay
      rest = rest.subarray(this.#fill(rest))
    }
  }

  /** As much as there is room for. */
  #fill(chunk: Buffer): number {
    const count = chunk.copy(this.#piece, this.#filled)
    this.#filled += count
    if (this.#filled === PIECE && this.#spare) {
      const full = this.#piece
      this.#piece = this.#spare
      this.#spare = undefined
      this.#filled = 0
      this.#send(full, full)
    }
    return count
  }

  /** @param spare to be filled again once `bytes` are written */
  #send(bytes: Buffer, spare?: Buffer): void {
    this.hash.update(bytes)
    const position = this.#start + this.#written
    this.#written += bytes.length
    this.#onItsWay = this.#onItsWay.then(async () => {
      await writeAll(this.#fd, bytes, position)
      this.#spare = spare
    })
    this.#onItsWay.catch(() => undefined) // whoever waits next hears of it
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (failure, count) => {
      if (failure) reject(failure)
      else if (count === bytes.length) resolve()
      else writeAll(fd, bytes.subarray(count), position + count).then(resolve, reject)
    })
  })
}

class SpooledContent implements Content {
  readonly size: number
  readonly #path: string
  readonly #hash: string

  constructor(path: string, size: number, hash: string) {
    this.#path = path
    this.size = size
    this.#hash = hash
  }

  quickXorHash(): string {
    return this.#hash
  }

  async open(): Promise<ContentReader> {
    const file = await open(this.#path)
    return {
      read: async (target, offset) => (await file.read(target, 0, target.length, offset)).bytesRead,
      close: () => file.close(),
    }
  }

  dispose(): void {
    unlink(this.#path, () => undefined)
  }
}
