import t from 'tap'
import { ByteRanges } from '../../../src/model/byte-ranges.js'

const SIZE = 64

t.test('ByteRanges agrees with a plain array of bits after every step', t => {
  let state = 7
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const problems: string[] = []
  for (let world = 0; world < 300; world++) {
    const ranges = new ByteRanges()
    const bits = new Array<boolean>(SIZE).fill(false)
    for (let step = 0; step < 25; step++) {
      const start = random(SIZE + 1)
      const end = Math.min(SIZE, start + random(9))
      ranges.add({ start, end })
      bits.fill(true, start, Math.max(start, end))
      const problem = disagreement(ranges, bits, { start: random(SIZE), end: random(SIZE + 1) })
      if (problem !== undefined) problems.push(`${problem} in world ${world}, step ${step}`)
    }
  }
  t.same(problems, [])
  t.end()
})

function disagreement(ranges: ByteRanges, bits: readonly boolean[], asked: { start: number; end: number }) {
  const list = [...ranges]
  if (list.some(({ start, end }, i) => start >= end || (list[i + 1]?.start ?? Infinity) <= end))
    return 'invariant'
  if (ranges.size !== bits.filter(Boolean).length) return 'size'
  const seen = new Array<boolean>(SIZE).fill(false)
  for (const { start, end } of list) seen.fill(true, start, end)
  if (seen.some((bit, i) => bit !== bits[i])) return 'content'
  const wanted = bits.slice(asked.start, Math.max(asked.start, asked.end))
  if (ranges.covers(asked) !== wanted.every(Boolean)) return 'covers'
  const missing = new Array<boolean>(SIZE).fill(false)
  const gaps = ranges.missing(asked)
  for (const { start, end } of gaps) missing.fill(true, start, end)
  if (gaps.some(({ start, end }, i) => start >= end || (gaps[i + 1]?.start ?? Infinity) <= end)) return 'gaps'
  const expected = bits.map((bit, i) => !bit && i >= asked.start && i < asked.end)
  if (missing.some((bit, i) => bit !== expected[i])) return 'missing'
  return undefined
}
