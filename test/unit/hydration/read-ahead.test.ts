import t from 'tap'
import { ReadAhead } from '../../../src/hydration/read-ahead.js'

const KIB = 1024
const MIB = 1024 * KIB

function sizeOf({ window }: ReadAhead): number {
  return window.end - window.start
}

function readOn(reader: ReadAhead, from: number, to: number, step = 128 * KIB): void {
  for (let start = from; start < to; start += step) reader.note({ start, end: Math.min(to, start + step) })
}

t.test('a type sniffer gets nothing ahead', t => {
  const reader = new ReadAhead()
  readOn(reader, 0, 128 * KIB, 16 * KIB)
  t.equal(sizeOf(reader), 0)
  t.end()
})

t.test('a random reader gets nothing ahead, however large its reads', t => {
  const reader = new ReadAhead()
  for (const place of [5, 900, 20, 3000, 77, 1500]) {
    reader.note({ start: place * MIB, end: (place + 1) * MIB })
    t.equal(sizeOf(reader), 0)
  }
  t.end()
})

t.test('a sequential reader gets four times what it has read, up to 128 MiB', t => {
  const reader = new ReadAhead()
  readOn(reader, 0, 1 * MIB)
  t.same(reader.window, { start: 1 * MIB, end: 5 * MIB })
  readOn(reader, 1 * MIB, 16 * MIB)
  t.equal(sizeOf(reader), 64 * MIB)
  readOn(reader, 16 * MIB, 200 * MIB)
  t.same(reader.window, { start: 200 * MIB, end: 328 * MIB })
  t.equal(reader.segmentSize, 8 * MIB)
  t.end()
})

t.test('requests of the kernel that overtake each other do not look like jumps', t => {
  const reader = new ReadAhead()
  readOn(reader, 0, 4 * MIB)
  const before = sizeOf(reader)
  for (const at of [4.25, 4, 4.75, 4.5]) reader.note({ start: at * MIB, end: (at + 0.25) * MIB })
  t.ok(sizeOf(reader) >= before)
  t.equal(reader.window.start, 5 * MIB)
  t.end()
})

t.test('reads that were answered elsewhere do not look like a jump', t => {
  const reader = new ReadAhead()
  readOn(reader, 0, 4 * MIB)
  reader.note({ start: 18 * MIB, end: 18 * MIB + 128 * KIB })
  t.equal(sizeOf(reader), 4 * (18 * MIB + 128 * KIB))
  t.end()
})

t.test('a jump ends the run, and so does an interruption', t => {
  const reader = new ReadAhead()
  readOn(reader, 0, 4 * MIB)
  reader.note({ start: 900 * MIB, end: 901 * MIB })
  t.equal(sizeOf(reader), 0)
  readOn(reader, 901 * MIB, 904 * MIB)
  t.equal(sizeOf(reader), 16 * MIB)
  reader.stop()
  t.equal(sizeOf(reader), 0)
  t.end()
})
