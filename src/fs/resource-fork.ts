// A header, 240 bytes that belong to others, the data, the map.
const HEADER = 16
const DATA_START = 256
const LENGTH = 4
// The map: a copy of the header and what the system keeps in memory; a list of one type; a list of one resource.
const MAP_HEAD = 28
const TYPE_LIST = 2 + 8
const REFERENCE = 12
const MAP_LENGTH = MAP_HEAD + TYPE_LIST + REFERENCE
const NO_NAME = 0xffff

/** What a fork with one resource has besides the resource. */
export const FORK_OVERHEAD = DATA_START + LENGTH + MAP_LENGTH

/**
 * A resource fork that holds one resource without a name.
 * @see Inside Macintosh: More Macintosh Toolbox, "Resource File Format" (1-121)
 */
export function resourceFork(type: string, id: number, data: Uint8Array): Buffer {
  const mapStart = DATA_START + LENGTH + data.length
  const fork = Buffer.alloc(mapStart + MAP_LENGTH)
  fork.writeUInt32BE(DATA_START, 0)
  fork.writeUInt32BE(mapStart, 4)
  fork.writeUInt32BE(LENGTH + data.length, 8)
  fork.writeUInt32BE(MAP_LENGTH, 12)
  fork.writeUInt32BE(data.length, DATA_START)
  fork.set(data, DATA_START + LENGTH)
  const map = fork.subarray(mapStart)
  map.set(fork.subarray(0, HEADER))
  map.writeUInt16BE(MAP_HEAD, 24)
  map.writeUInt16BE(MAP_LENGTH, 26) // names would begin here
  const types = map.subarray(MAP_HEAD)
  types.writeUInt16BE(0, 0) // one less than there are
  types.write(type, 2, 4, 'latin1')
  types.writeUInt16BE(0, 6)
  types.writeUInt16BE(TYPE_LIST, 8) // of its resources, from the beginning of the list of types
  types.writeInt16BE(id, TYPE_LIST)
  types.writeUInt16BE(NO_NAME, TYPE_LIST + 2)
  // Attributes and the place within the data are four zeros.
  return fork
}
