import t from 'tap'
import type { Attributes } from '../../../src/fs/file-system.js'
import type { Ino, NodeId } from '../../../src/model/ids.js'
import { nodeId } from '../../../src/model/ids.js'
import { packEntries, packNode } from '../../../src/transport/node-record.js'

const file: Attributes = {
  node: nodeId(5 as Ino, 3),
  ino: 5 as Ino,
  kind: 'file',
  size: 10_000_000_000,
  blocks: 1,
  modified: 1_700_000_000_123,
  changed: 1_700_000_000_456,
  created: 1_500_000_000_789,
  permissions: 0o444,
  links: 1,
}

function read(record: Uint8Array, at: number) {
  const view = new DataView(record.buffer, record.byteOffset + at)
  const nameLength = view.getUint32(4, true)
  return {
    length: view.getUint32(0, true),
    node: view.getFloat64(8, true),
    ino: view.getFloat64(16, true),
    size: view.getFloat64(24, true),
    blocks: view.getFloat64(32, true),
    modified: view.getFloat64(40, true),
    changed: view.getFloat64(48, true),
    mode: view.getUint32(56, true),
    links: view.getUint32(60, true),
    created: view.getFloat64(64, true),
    name: Buffer.from(record.subarray(at + 72, at + 72 + nameLength)).toString(),
  }
}

t.test('a record carries every attribute at its documented place', t => {
  t.match(read(packNode(file, 'été.txt'), 0), {
    length: 88,
    node: 3 * 2 ** 36 + 5,
    ino: 5,
    size: 10_000_000_000,
    blocks: 1,
    modified: 1_700_000_000_123,
    changed: 1_700_000_000_456,
    mode: 0o100444,
    links: 1,
    created: 1_500_000_000_789,
    name: 'été.txt',
  })
  t.end()
})

t.test('a directory has the directory type', t => {
  t.equal(read(packNode({ ...file, kind: 'directory', permissions: 0o555 }), 0).mode, 0o040555)
  t.end()
})

t.test('records of a listing follow each other, also with the longest names', t => {
  const names = Array.from({ length: 500 }, (_, i) =>
    String(i)
      .padStart(255, 'ä'.repeat(60))
      .slice(0, 120 + (i % 8)),
  )
  const packed = packEntries(
    names.map((name, i) => ({ name, attributes: { ...file, ino: i as Ino, node: i as NodeId } })),
  )
  const found: string[] = []
  for (let at = 0; at < packed.length; at += read(packed, at).length) found.push(read(packed, at).name)
  t.same(found, names)
  t.equal(packed.length % 8, 0)
  t.end()
})
