import t from 'tap'
import type { Attributes } from '../../../src/fs/file-system.js'
import type { Ino, NodeId } from '../../../src/model/ids.js'
import { packListing, packStat, packStatfs } from '../../../src/transport/fuse-native-records.js'

const owner = { uid: 1000, gid: 100 }
const file: Attributes = {
  node: 7 as NodeId,
  ino: 7 as Ino,
  kind: 'file',
  size: 5 * 2 ** 32 + 6,
  blocks: 2 ** 33 + 1,
  modified: 1_700_000_000_123,
  changed: 1_700_000_000_456.7,
  created: 1_500_000_000_789,
  permissions: 0o644,
  links: 1,
}
const long = (record: Uint32Array, place: number) => (record[place] ?? 0) + (record[place + 1] ?? 0) * 2 ** 32

t.test('sizes, blocks and times have 64 bits', t => {
  const record = packStat(file, owner)
  t.equal(record[0], 0o100444)
  t.same([record[1], record[2]], [1000, 100])
  t.equal(long(record, 3), file.size)
  t.equal(record[7], 7)
  t.equal(long(record, 10), file.blocks)
  t.equal(long(record, 12), file.modified)
  t.equal(long(record, 14), file.modified)
  t.equal(long(record, 16), 1_700_000_000_456)
  t.end()
})

t.test('what has no place becomes what comes closest', t => {
  t.equal(long(packStat({ ...file, modified: -1 }, owner), 14), 0, 'before 1970')
  t.equal(packStat({ ...file, ino: (2 ** 32 + 9) as Ino }, owner)[7], 9, 'more than four billion items')
  t.end()
})

t.test('a listing has the folder and its parent, then the entries', t => {
  const folder = { ...file, ino: 3 as Ino, kind: 'directory', size: 0 } as const
  const { names, stats } = packListing(
    [{ name: 'a', attributes: file }],
    folder,
    { ...folder, ino: 2 as Ino },
    owner,
  )
  t.same(names, ['.', '..', 'a'])
  t.same(
    stats.map(stat => stat[7]),
    [3, 2, 7],
  )
  t.ok(stats.every(stat => stat.length === 18))
  t.end()
})

t.test('the blocks of a large disk are large', t => {
  const [block = 0, , blocks = 0, free = 0, available = 0] = packStatfs({
    totalBytes: 2 ** 50,
    freeBytes: 2 ** 49,
    availableBytes: 2 ** 48,
  })
  t.equal(block * blocks, 2 ** 50)
  t.equal(block * free, 2 ** 49)
  t.equal(block * available, 2 ** 48)
  const small = packStatfs({ totalBytes: 8192, freeBytes: 8191, availableBytes: 4095 })
  t.same([...small.subarray(0, 8)], [4096, 4096, 2, 1, 0, 0, 0, 0], 'and no numbers of files')
  t.end()
})
