import t from 'tap'
import { ByteRanges } from '../../../src/model/byte-ranges.js'
import { decodeRanges, encodeRanges } from '../../../src/store/range-codec.js'

t.test('ranges come back as they were', t => {
  const lists = [
    [],
    [{ start: 0, end: 1 }],
    [{ start: 0, end: 10 * 1024 ** 3 }],
    [
      { start: 5, end: 127 },
      { start: 128, end: 128 + 2 ** 40 },
      { start: 2 ** 52, end: 2 ** 53 - 1 },
    ],
  ]
  for (const list of lists) t.same([...decodeRanges(encodeRanges(new ByteRanges(list)))], list)
  t.end()
})

t.test('a whole file takes a few bytes, a thousand ranges some thousands', t => {
  t.ok(encodeRanges([{ start: 0, end: 10 * 1024 ** 3 }]).length <= 6)
  const many = Array.from({ length: 1000 }, (_, i) => ({ start: i * 1_000_000, end: i * 1_000_000 + 65_536 }))
  t.ok(encodeRanges(many).length <= 6_000)
  t.end()
})

t.test('bytes that are no ranges are refused', t => {
  for (const bytes of [[0x80], [0x01], [0x01, 0x02, 0x03], Array<number>(24).fill(0xff)]) {
    t.throws(() => decodeRanges(Uint8Array.from(bytes)), RangeError)
  }
  t.end()
})
