import type { NodeRecord } from '../../native/index.js'
import type { Attributes, Entry } from '../fs/file-system.js'

/** Bytes before the name; the layout is described in native/index.d.ts. */
const HEADER = 72
const ALIGNMENT = 8
/** The drive shows no longer names (`model/item-name.ts`), in UTF-8 bytes. */
const LONGEST_NAME = 255

const S_IFDIR = 0o040000
const S_IFREG = 0o100000

export function packNode(attributes: Attributes, name = ''): NodeRecord {
  const packer = new Packer(1)
  packer.add(name, attributes)
  return packer.bytes()
}

export function packEntries(entries: readonly Entry[]): Uint8Array {
  const packer = new Packer(entries.length)
  for (const entry of entries) packer.add(entry.name, entry.attributes)
  return packer.bytes()
}

class Packer {
  #buffer: Buffer
  #view: DataView
  #end = 0

  constructor(expected: number) {
    // Most names are short; #reserve grows the buffer for the others.
    this.#buffer = Buffer.alloc(expected * (HEADER + 32) + HEADER + LONGEST_NAME + ALIGNMENT)
    this.#view = viewOf(this.#buffer)
  }

  add(name: string, attributes: Attributes): void {
    this.#reserve()
    const start = this.#end
    const nameLength = this.#buffer.write(name, start + HEADER, 'utf8')
    const length = Math.ceil((HEADER + nameLength) / ALIGNMENT) * ALIGNMENT
    const view = this.#view
    view.setUint32(start, length, true)
    view.setUint32(start + 4, nameLength, true)
    view.setFloat64(start + 8, attributes.node, true)
    view.setFloat64(start + 16, attributes.ino, true)
    view.setFloat64(start + 24, attributes.size, true)
    view.setFloat64(start + 32, attributes.blocks, true)
    view.setFloat64(start + 40, attributes.modified, true)
    view.setFloat64(start + 48, attributes.changed, true)
    const type = attributes.kind === 'directory' ? S_IFDIR : S_IFREG
    view.setUint32(start + 56, type | attributes.permissions, true)
    view.setUint32(start + 60, attributes.links, true)
    view.setFloat64(start + 64, attributes.created, true)
    this.#end = start + length
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end)
  }

  #reserve(): void {
    const needed = this.#end + HEADER + LONGEST_NAME + ALIGNMENT
    if (needed <= this.#buffer.length) return
    const grown = Buffer.alloc(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#end)
    this.#buffer = grown
    this.#view = viewOf(grown)
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
}
