import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { QuickXorHash } from '../../src/model/quick-xor-hash.js'
import { loadNativeAddon } from '../../src/transport/native-addon.js'

const VECTORS = fileURLToPath(new URL('../../../test/fixtures/quickxorhash-vectors.json', import.meta.url))
const { vectors } = JSON.parse(readFileSync(VECTORS, 'utf8')) as {
  vectors: readonly { size: number; in: string; out: string }[]
}
const addon = loadNativeAddon()

t.test('both implementations give the published hashes', t => {
  t.equal(vectors.length, 70)
  for (const vector of vectors) {
    const bytes = Buffer.from(vector.in, 'base64')
    t.equal(bytes.length, vector.size)
    t.equal(addon.quickXorHash(bytes), vector.out, `native, ${vector.size} bytes`)
    t.equal(new QuickXorHash().update(bytes).digest(), vector.out, `JavaScript, ${vector.size} bytes`)
  }
  t.end()
})

t.test('pieces of any size give the hash of the whole', t => {
  const whole = Buffer.from(vectors.at(-1)?.in ?? '', 'base64')
  for (const size of [1, 7, 19, 20, 159, 160, 161, 1000]) {
    const hash = new QuickXorHash()
    for (let start = 0; start < whole.length; start += size) hash.update(whole.subarray(start, start + size))
    t.equal(hash.digest(), vectors.at(-1)?.out, `pieces of ${size}`)
  }
  t.end()
})

t.test('a range of a file is hashed on a worker thread', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'b2bmount-hash-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const bytes = Buffer.alloc(1_000_003, 'The quick brown fox')
  writeFileSync(join(directory, 'file'), bytes)
  const fd = openSync(join(directory, 'file'), 'r')
  const whole = addon.quickXorHashRange(fd, 0, bytes.length)
  const head = addon.quickXorHashRange(fd, 3, 12_345)
  // Watched from the start: it may be rejected while the others are still awaited.
  const beyond = t.rejects(addon.quickXorHashRange(fd, 1, bytes.length), {
    message: /shorter than expected/,
  })
  closeSync(fd) // the addon has its own descriptor
  t.equal(await whole, new QuickXorHash().update(bytes).digest())
  t.equal(await head, addon.quickXorHash(bytes.subarray(3, 12_348)))
  await beyond
})

t.test('wrong arguments are type errors', t => {
  const loose = addon as unknown as Record<
    'quickXorHash' | 'quickXorHashRange',
    (...args: unknown[]) => unknown
  >
  t.throws(() => loose.quickXorHash('text'), TypeError)
  t.throws(() => loose.quickXorHash(), TypeError)
  t.throws(() => loose.quickXorHashRange(), TypeError)
  t.throws(() => loose.quickXorHashRange(0, 0, -1), TypeError)
  t.throws(() => loose.quickXorHashRange(100_000, 0, 1), TypeError)
  t.end()
})
