import { Readable } from 'node:stream'
import t from 'tap'
import { countTests } from '../../../scripts/count-tests.js'

const count = (...lines: readonly string[]) =>
  countTests(Readable.from([['TAP version 14', ...lines, ''].join('\n')]))

/** As tap writes a file: its tests, indented, and then the point that closes it. */
const file = (ok: boolean, ...lines: readonly string[]) => [
  '# Subtest: a.test.js',
  ...lines.map(line => `    ${line}`),
  `${ok ? 'ok' : 'not ok'} 1 - a.test.js # time=1ms`,
]

t.test('a test is counted once, however many assertions it has', async t => {
  const counts = await count(
    ...file(
      true,
      '# Subtest: one',
      '    ok 1 - a',
      '    ok 2 - b',
      '    1..2',
      'ok 1 - one # time=1ms',
      '# Subtest: two',
      '    ok 1 - a',
      '    1..1',
      'ok 2 - two # time=1ms',
      '1..2',
    ),
    '1..1',
  )
  t.same(counts, { passed: 2, failed: [], skipped: [] })
})

t.test('a test that fails is named once, not again for its file', async t => {
  const counts = await count(
    ...file(
      false,
      '# Subtest: one',
      '    not ok 1 - a',
      '    not ok 2 - b',
      '    1..2',
      'not ok 1 - one # time=1ms',
      '# Subtest: two',
      '    ok 1 - a',
      '    1..1',
      'ok 2 - two # time=1ms',
      '1..2',
    ),
    '1..1',
  )
  t.same(counts, { passed: 1, failed: ['a.test.js > one'], skipped: [] })
})

t.test('a skipped test comes with its reason, in a file or as a file', async t => {
  const counts = await count(
    ...file(true, 'ok 1 - mounts # SKIP /dev/fuse is missing', '1..1'),
    'ok 2 - b.test.js # SKIP no rclone',
    '1..2',
  )
  t.same(counts.skipped, ['a.test.js > mounts: /dev/fuse is missing', 'b.test.js: no rclone'])
  t.same(counts.failed, [])
})

t.test('a file that crashes or runs out of time counts as failed, though its tests passed', async t => {
  const counts = await count(
    ...file(false, '# Subtest: one', '    ok 1 - a', '    1..1', 'ok 1 - one # time=1ms', '1..1'),
    '1..1',
  )
  t.same(counts, { passed: 1, failed: ['a.test.js'], skipped: [] })
})

t.test('an assertion between tests counts when it fails', async t => {
  const counts = await count(
    ...file(
      false,
      '# Subtest: one',
      '    ok 1 - a',
      '    1..1',
      'ok 1 - one # time=1ms',
      'not ok 2 - timeout!',
      '1..2',
    ),
    '1..1',
  )
  t.same(counts, { passed: 1, failed: ['a.test.js > timeout!'], skipped: [] })
})

t.test('a file without any t.test() is one test', async t => {
  t.same(await count(...file(true, 'ok 1 - a', 'ok 2 - b', '1..2'), '1..1'), {
    passed: 1,
    failed: [],
    skipped: [],
  })
})

t.test('results that end too early are a failure', async t => {
  const counts = await count('# Subtest: a.test.js', '    # Subtest: one', '        ok 1 - a')
  t.equal(counts.failed.length, 1)
  t.equal((await count()).failed.length, 1)
})
