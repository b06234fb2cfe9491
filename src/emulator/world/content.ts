import { openPlainFile } from './plain-file.js'
import { quickXorHash } from './quick-xor-hash.js'

/** One open file's bytes. */
export interface ContentReader {
  /**
   * Fills `target` with the bytes from `offset` on, as many as there are.
   * Answers at once where it can: large downloads are many small reads.
   */
  read(target: Buffer, offset: number): number | Promise<number>
  close(): Promise<void> | void
}

/** The bytes of one version of a file. */
export interface Content {
  readonly size: number
  /** Base64; `undefined` where the service would not know it (yet). */
  quickXorHash(): string | undefined
  open(): Promise<ContentReader> | ContentReader
  /** Nobody will open it again. */
  dispose?(): void
}

export class MemoryContent implements Content {
  readonly #bytes: Buffer
  #hash: string | undefined

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  quickXorHash(): string {
    return (this.#hash ??= quickXorHash(this.#bytes))
  }

  open(): ContentReader {
    return { read: (target, offset) => this.#bytes.copy(target, 0, offset), close: () => undefined }
  }
}

/** A file of the machine, as it was when it was listed. */
export class FileContent implements Content {
  readonly size: number
  readonly #path: string
  readonly #hash: string | undefined

  constructor(path: string, size: number, hash: string | undefined) {
    this.#path = path
    this.size = size
    this.#hash = hash
  }

  quickXorHash(): string | undefined {
    return this.#hash
  }

  async open(): Promise<ContentReader> {
    const file = await openPlainFile(this.#path)
    // Gone since it was listed: as a file that has become shorter.
    if (file === undefined) return { read: () => 0, close: () => {} }
    return {
      read: async (target, offset) => (await file.read(target, 0, target.length, offset)).bytesRead,
      close: () => file.close(),
    }
  }
}
