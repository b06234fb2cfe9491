import { openSync, closeSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { hashBytes, hashFileInPieces, hashFileInSlices } from '../../../src/hydration/hash-in-slices.js'
import { QuickXorHash } from '../../../src/model/quick-xor-hash.js'

const never = new AbortController().signal

function openFile(t: Test, bytes: Uint8Array): number {
  const path = join(t.testdir(), 'file')
  writeFileSync(path, bytes)
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  return fd
}

function openSparse(t: Test, size: number): number {
  const path = join(t.testdir(), 'sparse')
  writeFileSync(path, '')
  truncateSync(path, size)
  const fd = openSync(path, 'r')
  t.teardown(() => closeSync(fd))
  return fd
}

function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 31) % 251
  return bytes
}

t.test('a file is hashed slice by slice, up to the given size', async t => {
  const bytes = pattern(600_001)
  const fd = openFile(t, bytes)
  t.equal(await hashFileInSlices(fd, bytes.length, never), hashBytes(bytes))
  t.equal(await hashFileInSlices(fd, 12_345, never), hashBytes(bytes.subarray(0, 12_345)))
  t.equal(await hashFileInSlices(fd, 0, never), hashBytes(new Uint8Array(0)))
})

t.test('a file that is shorter than it should be is no match for anything', async t => {
  await t.rejects(hashFileInSlices(openFile(t, pattern(10)), 11, never), { message: /shorter/ })
})

t.test('other work goes on while a file is hashed', async t => {
  const bytes = Buffer.alloc(32 * 1024 * 1024, 'The quick brown fox')
  const fd = openFile(t, bytes)
  let turns = 0
  let isDone = false
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  count()
  await hashFileInSlices(fd, bytes.length, never)
  isDone = true
  t.ok(turns > 50, `${turns} turns`)
})

t.test('a file is hashed piece by piece elsewhere', async t => {
  const bytes = pattern(40_000_001)
  const asked: number[] = []
  const hashFile = hashFileInPieces((_, start, length) => {
    asked.push(start)
    return Promise.resolve(hashBytes(bytes.subarray(start, start + length)))
  })
  t.equal(await hashFile(0, bytes.length, never), hashBytes(bytes))
  t.equal(asked.length, 3)
  t.equal(await hashFile(0, 0, never), hashBytes(new Uint8Array(0)))
})

t.test('hashing ends between two pieces when nobody wants to know any more', async t => {
  const wanted = new AbortController()
  const reason = new Error('not wanted')
  let pieces = 0
  const hashFile = hashFileInPieces(() => {
    if (++pieces === 2) wanted.abort(reason)
    return Promise.resolve(hashBytes(new Uint8Array(1)))
  })
  await t.rejects(hashFile(0, 2 ** 43, wanted.signal), reason)
  t.equal(pieces, 2, 'of half a million')

  const fd = openSparse(t, 2 ** 40)
  const again = new AbortController()
  setImmediate(() => again.abort(reason))
  await t.rejects(hashFileInSlices(fd, 2 ** 40, again.signal), reason, 'and without the addon')
})

t.test('bytes that begin anywhere in memory, in pieces of any size, have one hash', async t => {
  const memory = pattern(5_003)
  for (const offset of [0, 1, 2, 3]) {
    const bytes = new Uint8Array(memory.subarray(offset, offset + 5_000))
    for (const size of [1, 2, 3, 5, 158, 163, 4_999]) {
      const hash = new QuickXorHash()
      for (let start = 0; start < 5_000; start += size)
        hash.update(memory.subarray(offset + start, Math.min(offset + start + size, offset + 5_000)))
      t.equal(hash.digest(), hashBytes(bytes), `offset ${offset}, pieces of ${size}`)
    }
  }
})
