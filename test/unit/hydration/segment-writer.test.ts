import t from 'tap'
import { BufferPool } from '../../../src/hydration/buffer-pool.js'
import { SegmentWriter } from '../../../src/hydration/segment-writer.js'

const MIB = 1024 * 1024

/** A file whose writes end when the test says so. */
function slowFile() {
  const writes: { bytes: Uint8Array; start: number; end: () => void; fail: (failure: Error) => void }[] = []
  const write = (bytes: Uint8Array, start: number) =>
    new Promise<void>((resolve, reject) => writes.push({ bytes, start, end: resolve, fail: reject }))
  return { writes, write }
}

t.test('small chunks become one large write', async t => {
  const file = slowFile()
  const writer = new SegmentWriter(file, new BufferPool(), 100)
  for (let i = 0; i < 64; i++) t.equal(writer.push(new Uint8Array(16_384).fill(i)), undefined)
  t.equal(file.writes.length, 1)
  t.equal(file.writes[0]?.start, 100)
  t.equal(file.writes[0]?.bytes.length, MIB)
  t.equal(file.writes[0]?.bytes[16_384 * 5], 5)
  file.writes[0]?.end()
  await writer.drain()
})

t.test('a network faster than the disk waits for it', async t => {
  const file = slowFile()
  const writer = new SegmentWriter(file, new BufferPool(), 0)
  t.equal(writer.push(new Uint8Array(2 * MIB)), undefined)
  const held = writer.push(new Uint8Array(MIB / 2).fill(7))
  t.ok(held instanceof Promise)
  let isTaken = false
  void held?.then(() => (isTaken = true))
  await new Promise(resolve => setImmediate(resolve))
  t.notOk(isTaken)
  file.writes[0]?.end()
  await held
  file.writes[1]?.end()
  const drained = writer.drain()
  t.equal(file.writes[2]?.start, 2 * MIB)
  t.equal(file.writes[2]?.bytes.length, MIB / 2)
  t.equal(file.writes[2]?.bytes[0], 7)
  file.writes[2]?.end()
  await drained
})

t.test('a failed write fails the next push and the end', async t => {
  const file = slowFile()
  const writer = new SegmentWriter(file, new BufferPool(), 0)
  void writer.push(new Uint8Array(MIB))
  file.writes[0]?.fail(new Error('disk full'))
  await t.rejects(writer.drain(), { message: 'disk full' })
  t.throws(() => writer.push(new Uint8Array(1)), { message: 'disk full' })
})

t.test('buffers are used again, but not before their write has ended', async t => {
  const pool = new BufferPool()
  const file = slowFile()
  const writer = new SegmentWriter(file, pool, 0)
  void writer.push(new Uint8Array(MIB))
  const written = file.writes[0]?.bytes.buffer
  t.not(pool.take().buffer, written)
  file.writes[0]?.end()
  await writer.drain()
  t.equal(pool.take().buffer, written)
})
