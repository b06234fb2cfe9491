import { readFileSync } from 'node:fs'
import t from 'tap'
import { GeneratedContent } from '../../src/emulator/world/generated-content.js'
import { guidFrom, guidFromBytes, guidToBytes } from '../../src/emulator/world/guid.js'
import { driveId, itemId, parseDriveId, parseItemId, ROOT_GUID } from '../../src/emulator/world/ids.js'
import { quickXorHash, QuickXorHash } from '../../src/emulator/world/quick-xor-hash.js'
import { demoWorld } from '../../src/emulator/world/demo-world.js'
import { decodeDeltaToken, encodeDeltaToken } from '../../src/emulator/graph/delta-token.js'
import { parseRange } from '../../src/emulator/sharepoint/range.js'

function fixture(name: string): unknown {
  return JSON.parse(
    readFileSync(new URL(`../../../test/fixtures/graph-examples/${name}`, import.meta.url), 'utf8'),
  )
}

interface IdVectors {
  readonly items: readonly { id: string; guid: string; prefix: string }[]
  readonly root: { guid: string; exampleId: string }
  readonly drives: readonly { driveId: string; site: string; web: string; list: string }[]
  readonly deltaToken: { example: string }
}

t.test('ids are minted as the documented ones decode', t => {
  const vectors = fixture('id-vectors.json') as IdVectors
  for (const { id, guid, prefix } of vectors.items) {
    t.equal(itemId(Buffer.from(prefix, 'hex'), guid.toLowerCase()), id)
    t.equal(parseItemId(id)?.guid, guid.toLowerCase())
  }
  t.equal(ROOT_GUID.toUpperCase(), vectors.root.guid)
  t.equal(parseItemId(vectors.root.exampleId)?.guid, ROOT_GUID)
  for (const { driveId: id, site, web, list } of vectors.drives) {
    t.equal(driveId(site, web, list), id)
    t.same(parseDriveId(id), { site, web, list })
  }
  const token = decodeDeltaToken(vectors.deltaToken.example)
  t.equal(token?.sequence, 585969644)
  t.equal(new Date(token?.time ?? 0).toISOString(), '2022-07-25T19:28:04.757Z')
  t.equal(token && encodeDeltaToken(token), vectors.deltaToken.example)
  t.equal(guidFromBytes(guidToBytes(guidFrom('x'))), guidFrom('x'))
  t.end()
})

interface HashVectors {
  readonly vectors: readonly { size: number; in: string; out: string }[]
}

t.test('QuickXorHash gives the published hashes, however the bytes arrive', t => {
  const { vectors } = fixture('quickxorhash-vectors.json') as HashVectors
  t.ok(vectors.length >= 70)
  for (const { in: input, out: hash } of vectors) {
    const data = Buffer.from(input, 'base64')
    if (quickXorHash(data) !== hash) t.fail(`${data.length} bytes`)
    const inPieces = new QuickXorHash()
    for (let i = 0; i < data.length; i += 7) inPieces.update(data.subarray(i, i + 7))
    if (inPieces.digest() !== hash) t.fail(`${data.length} bytes in pieces`)
  }
  t.end()
})

t.test('a generated file is the same bytes from every offset', t => {
  const content = new GeneratedContent(7, 3_000_001)
  const whole = Buffer.alloc(content.size)
  t.equal(content.fill(whole, 0), content.size)
  for (const [start, length] of [
    [0, 1],
    [1, 4095],
    [4090, 20],
    [4095, 2],
    [1_310_719, 3],
    [1_310_720, 4096],
    [2_621_437, 100_000],
    [2_999_990, 100],
  ] as const) {
    const part = Buffer.alloc(length)
    const count = content.fill(part, start)
    t.ok(part.subarray(0, count).equals(whole.subarray(start, start + length)), `${start}+${length}`)
  }
  t.equal(content.fill(Buffer.alloc(10), content.size), 0)
  t.end()
})

t.test('no two pages of a generated file are equal, nor two files', t => {
  const whole = Buffer.alloc(4 * 1_310_720)
  new GeneratedContent(1, whole.length).fill(whole, 0)
  const pages = new Set<string>()
  for (let at = 0; at < whole.length; at += 4096) pages.add(whole.toString('latin1', at, at + 4096))
  t.equal(pages.size, whole.length / 4096)
  const other = Buffer.alloc(4096)
  new GeneratedContent(2, 4096).fill(other, 0)
  t.notOk(pages.has(other.toString('latin1')))
  t.end()
})

t.test('the hash of a generated file is the one that its bytes have', t => {
  for (const size of [
    0, 1, 7, 8, 9, 159, 160, 4095, 4096, 4100, 4104, 1_310_719, 1_310_720, 1_310_721, 2_621_440, 3_932_163,
    9_000_003,
  ]) {
    for (const seed of [0, 1, 319, 320, 0xffffff]) {
      const content = new GeneratedContent(seed, size)
      const whole = Buffer.alloc(size)
      content.fill(whole, 0)
      if (content.quickXorHash() !== quickXorHash(whole)) t.fail(`seed ${seed}, ${size} bytes`)
    }
  }
  t.end()
})

t.test('ranges are read as RFC 9110 says', t => {
  t.same(parseRange(undefined, 10), { kind: 'whole' })
  t.same(parseRange('bytes=0-0', 10), { kind: 'part', start: 0, end: 1 })
  t.same(parseRange('bytes=5-', 10), { kind: 'part', start: 5, end: 10 })
  t.same(parseRange('bytes=5-99', 10), { kind: 'part', start: 5, end: 10 })
  t.same(parseRange('bytes=-3', 10), { kind: 'part', start: 7, end: 10 })
  t.same(parseRange('bytes=-30', 10), { kind: 'part', start: 0, end: 10 })
  t.same(parseRange('bytes=10-', 10), { kind: 'unsatisfiable' })
  t.same(parseRange('bytes=0-', 0), { kind: 'unsatisfiable' })
  t.same(parseRange('bytes=1-2,5-6', 10), { kind: 'whole' })
  t.same(parseRange('bytes=6-2', 10), { kind: 'whole' })
  t.same(parseRange('items=1-2', 10), { kind: 'whole' })
  t.end()
})

t.test(
  'the demo world is the same in every run, and its large parts cost nothing until they are opened',
  t => {
    const [first, second] = [demoWorld(), demoWorld()]
    t.same(first.addresses, second.addresses)
    const drives = first.sites.flatMap(site => site.libraries)
    const deep = drives.find(drive => drive.name === 'Hundred thousand')
    const wide = drives.find(drive => drive.name === 'Ten thousand')
    t.equal(deep?.itemCount, 0)
    t.equal(deep && [...deep.enumerate()].length, 100_001)
    t.equal(wide?.root.children[0]?.children.length, 10_000)
    t.equal(drives.find(drive => drive.name === 'Media')?.at(['Recording 10 GB.bin'])?.size, 10_000_000_000)
    t.end()
  },
)
