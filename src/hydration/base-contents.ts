import type { ByteRange } from '../model/byte-ranges.js'
import type { Bytes } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Hydrator } from './hydrator.js'
import { readRange } from './read-range.js'

/** Contents that were changed here, as they were: what the changes do not cover is fetched as far as it is not local. */
export class BaseContents {
  readonly #hydrator: Hydrator

  constructor(hydrator: Hydrator) {
    this.#hydrator = hydrator
  }

  /** To be closed. @throws {Fault} `disk-full`, `local-io` */
  open({ ino, generation }: Pick<ItemRecord, 'ino' | 'generation'>, size: Bytes): OpenContent {
    const reader = this.#hydrator.open(ino, generation, size, 'exact')
    return {
      size: reader.file.size,
      isHere: reader.file.verified,
      read: async (range, signal) => {
        await this.#hydrator.ensure(reader, range, signal)
        return readRange(reader.file.fd, range)
      },
      close: () => this.#hydrator.release(reader),
    }
  }
}

export interface OpenContent {
  readonly size: Bytes
  /** All of it is local, and verified. */
  readonly isHere: boolean
  /** Exactly the bytes of `range`, which is within the size. @throws {Fault} as {@link Hydrator.ensure} */
  read(range: ByteRange, signal: AbortSignal): Promise<Uint8Array>
  close(): void
}
