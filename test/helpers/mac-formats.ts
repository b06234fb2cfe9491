import { strict as assert } from 'node:assert'

export interface Resource {
  readonly type: string
  readonly id: number
  readonly data: Buffer
}

/**
 * All resources of a fork, as "Inside Macintosh: More Macintosh Toolbox" describes it from page 1-121 on. Shares nothing
 * with the product, and puts up with nothing that the book does not say.
 */
export function resourcesOf(fork: Buffer): Resource[] {
  const [dataStart, mapStart, dataLength, mapLength] = [0, 4, 8, 12].map(at => fork.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
  ]
  assert(dataStart >= 256, 'the header and what is reserved behind it have 256 bytes')
  assert.equal(dataStart + dataLength, mapStart, 'the data end where the map begins')
  assert.equal(mapStart + mapLength, fork.length, 'the map ends the fork')
  const map = fork.subarray(mapStart)
  assert.deepEqual(map.subarray(0, 16), fork.subarray(0, 16), 'the map begins with a copy of the header')
  const typeList = map.subarray(map.readUInt16BE(24))
  assert(map.readUInt16BE(26) <= mapLength, 'the list of names is in the map')
  const resources: Resource[] = []
  let expected = 0
  for (let type = 0; type <= typeList.readInt16BE(0); type++) {
    const at = 2 + 8 * type
    const name = typeList.toString('latin1', at, at + 4)
    const references = typeList.subarray(typeList.readUInt16BE(at + 6))
    for (let i = 0; i <= typeList.readUInt16BE(at + 4); i++) {
      const reference = references.subarray(12 * i, 12 * (i + 1))
      assert.equal(reference.readInt16BE(2), -1, 'no name')
      const start = reference.readUIntBE(5, 3)
      assert.equal(start, expected, 'one after the other')
      const data = fork.subarray(dataStart + start, mapStart)
      const length = data.readUInt32BE(0)
      assert(4 + length <= data.length, 'within the data')
      expected = start + 4 + length
      resources.push({ type: name, id: reference.readInt16BE(0), data: data.subarray(4, 4 + length) })
    }
  }
  assert.equal(expected, dataLength, 'nothing else among the data')
  return resources
}

/** The elements of an icns by their types. */
export function iconElements(icns: Buffer): Map<string, Buffer> {
  assert.equal(icns.toString('latin1', 0, 4), 'icns')
  assert.equal(icns.readUInt32BE(4), icns.length)
  const elements = new Map<string, Buffer>()
  for (let at = 8; at < icns.length;) {
    const length = icns.readUInt32BE(at + 4)
    assert(length > 8 && at + length <= icns.length, 'within the whole')
    elements.set(icns.toString('latin1', at, at + 4), icns.subarray(at + 8, at + length))
    at += length
  }
  return elements
}
