import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fingerprintFile } from '../../../src/hydration/fingerprint.js'
import { hashBytes } from '../../../src/hydration/hash-in-slices.js'
import { overlaid, swapped } from '../../../scripts/collisions.js'
import { pattern } from '../../semantics/drive-world.js'

const never = new AbortController().signal
const LARGE = 3 * 1024 * 1024 + 12_345
const fingerprintOf = fingerprintFile(hashBytes)

function openFile(t: Test, bytes: Uint8Array): number {
  const path = join(t.testdir(), 'file')
  writeFileSync(path, bytes)
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  return fd
}

t.test('the hash is that of the whole file', async t => {
  const bytes = pattern(LARGE)
  const { hash } = await fingerprintOf(openFile(t, bytes), LARGE, never)
  t.equal(hash, hashBytes(bytes))
})

t.test('equal files have equal fingerprints, and others of the same hash have not', async t => {
  const bytes = Buffer.from(pattern(LARGE))
  const of = (content: Uint8Array) => fingerprintOf(openFile(t, content), LARGE, never)
  const first = await of(bytes)
  t.same(await of(Buffer.from(bytes)), first)
  for (const other of [
    swapped(bytes, 0, 160 * 128, 4096),
    swapped(bytes, 0, 160 * 8192, 1024 * 1024),
    overlaid(bytes, 0x20, LARGE - 320, 2),
  ]) {
    const { hash, sha256 } = await of(other)
    t.equal(hash, first.hash)
    t.not(sha256, first.sha256)
  }
})

t.test('it ends when nobody wants it any more, and where the file is shorter', async t => {
  const fd = openFile(t, pattern(10))
  await t.rejects(fingerprintOf(fd, 11, never), { message: /shorter/ })
  const reason = new Error('nobody wants it')
  const wanted = new AbortController()
  const running = fingerprintOf(openFile(t, pattern(LARGE)), LARGE, wanted.signal)
  wanted.abort(reason)
  await t.rejects(running, reason)
})
