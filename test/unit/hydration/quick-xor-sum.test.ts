import t from 'tap'
import { QuickXorSum } from '../../../src/hydration/quick-xor-sum.js'
import { QuickXorHash } from '../../../src/model/quick-xor-hash.js'
import { pattern } from '../../semantics/drive-world.js'

const hashOf = (bytes: Uint8Array) => new QuickXorHash().update(bytes).digest()

t.test('the sum of the pieces is the hash of the whole, in any order', t => {
  const bytes = pattern(100_003)
  const borders = [0, 1, 159, 160, 161, 4096, 65_536, 99_999, 100_003]
  const pieces = borders.slice(1).map((end, i) => ({ start: borders[i] ?? 0, end }))
  for (const order of [pieces, [...pieces].reverse()]) {
    const sum = new QuickXorSum()
    for (const { start, end } of order) sum.add(hashOf(bytes.subarray(start, end)), start, end - start)
    t.equal(sum.digest(), hashOf(bytes))
    t.equal(sum.length, bytes.length)
  }
  t.end()
})

t.test('pieces far beyond 32 bits go to the right place', t => {
  const sum = new QuickXorSum()
  // 2^40 bytes before it are zeros, which add nothing but their length.
  const start = 2 ** 40
  const piece = pattern(1000)
  sum.add(hashOf(piece), start, piece.length)
  const expected = new QuickXorSum()
  expected.add(hashOf(piece), start % 160, piece.length)
  t.equal(sum.digest(), expected.digest())
  t.end()
})

t.test('wrong bytes give another sum, and so do right ones at the wrong place', t => {
  const bytes = pattern(1000)
  const sum = (start: number) => {
    const pieces = new QuickXorSum()
    pieces.add(hashOf(bytes.subarray(0, 500)), 0, 500)
    pieces.add(hashOf(bytes.subarray(500)), start, 500)
    return pieces.digest()
  }
  t.equal(sum(500), hashOf(bytes))
  t.not(sum(501), hashOf(bytes))
  t.end()
})
