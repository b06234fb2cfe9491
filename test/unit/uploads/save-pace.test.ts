import t from 'tap'
import {
  isWhole,
  nextVersionAt,
  paceAfter,
  QUIET,
  settledAt,
  SETTLING,
  wholeAt,
  type VersionPace,
} from '../../../src/model/save-pace.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const START = 1_000_000_000

/** When versions go of a file that is saved every `every` until `end`, each save whole at once. */
function versionsOf(every: number, end: number, isOpen: boolean): number[] {
  const sent: number[] = []
  let pace: VersionPace | undefined
  let [changed, since, isOwed] = [-Infinity, 0, false]
  for (let now = 0; now <= end + 10 * MINUTE; now += 250) {
    if (now <= end && now % every === 0) {
      changed = now
      if (!isOwed) since = now
      isOwed = true
    }
    if (!isOwed || now < settledAt(changed, since, SETTLING) || now < nextVersionAt(pace, changed, isOpen))
      continue
    sent.push(now)
    pace = paceAfter(pace, now, isOpen)
    isOwed = false
  }
  return sent
}

t.test('a file that is saved now and then has a version of each save', t => {
  const saves = versionsOf(5 * MINUTE, 60 * MINUTE, false)
  t.equal(saves.length, 13)
  t.ok(
    saves.every(sent => sent % (5 * MINUTE) === SETTLING),
    'each at once',
  )
  t.end()
})

t.test('a few saves in a row are versions; many become ever fewer', t => {
  t.equal(versionsOf(20 * SECOND, 40 * SECOND, true).length, 3, 'three in a minute')
  for (const every of [SECOND, 3 * SECOND, 4 * SECOND, 10 * SECOND]) {
    for (const isOpen of [true, false]) {
      const sent = versionsOf(every, 60 * MINUTE, isOpen)
      t.ok((sent[0] ?? Infinity) <= 12 * SECOND, `the first is sent soon, every ${every} ms`)
      t.ok(sent.length <= 13, `${sent.length} versions in an hour, every ${every} ms`)
      const gaps = sent.slice(1, -1).map((at, i) => at - (sent[i] ?? 0))
      t.same(
        gaps,
        [...gaps].sort((one, other) => one - other),
        'ever more rarely',
      )
      t.ok(Math.max(...gaps) <= 10 * MINUTE + every, 'and never not at all')
      t.ok((sent.at(-1) ?? 0) <= 61 * MINUTE, 'the last one goes when it is quiet')
    }
  }
  t.end()
})

t.test('what is closed goes at once where the last version was sent while it was open', t => {
  let pace: VersionPace | undefined
  for (let i = 0; i < 6; i++) pace = paceAfter(pace, START + i * SECOND, true)
  t.ok(nextVersionAt(pace, START + 6 * SECOND, true) > START + 60 * SECOND)
  t.equal(nextVersionAt(pace, START + 6 * SECOND, false), 0)
  t.end()
})

t.test('a row of versions ends with a long gap, and with a clock that was set back', t => {
  const third = paceAfter(paceAfter(paceAfter(undefined, START, false), START, false), START, false)
  t.equal(third.level, 3)
  t.equal(paceAfter(third, START + 160 * SECOND, false).level, 4)
  t.equal(paceAfter(third, START + 161 * SECOND, false).level, 1)
  t.equal(paceAfter(third, START - 1, false).level, 1)
  t.end()
})

t.test('what was saved is whole at once; what was not, when it was left alone', t => {
  const use = { program: 'p', pid: 1, since: 0, writtenAt: START, isSaved: true }
  t.equal(wholeAt(use, 0), START)
  t.equal(wholeAt(use, 1), START + 2 * SETTLING, 'a copy was in vain: it is left alone for longer')
  t.equal(wholeAt(use, 50), START + QUIET)
  t.equal(wholeAt({ ...use, isSaved: false }, 0), START + QUIET)
  t.ok(isWhole({ ...use, isSaved: false }, 0, START + QUIET))
  t.notOk(isWhole({ ...use, isSaved: false }, 0, START + QUIET - 1))
  t.ok(isWhole({ ...use, isSaved: false }, 0, START - 1), 'a clock that was set back says nothing')
  t.end()
})
