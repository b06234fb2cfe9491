import { mkdir } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { checkControl } from '../../../src/cli/local-checks.js'

const isRoot = process.getuid?.() === 0

t.test('an ordinary user is told how a mount gets its lifeline, root needs nothing', async t => {
  const directory = t.testdir()
  t.match(await checkControl(false, directory), { verdict: 'warn', nextStep: /mount -t fusectl/ })
  t.match(await checkControl(false, join(directory, 'missing')), { verdict: 'warn' })
  t.match(await checkControl(true, directory), { verdict: 'ok', found: /not needed by root/ })
})

const mounting = isRoot ? {} : { skip: 'only root can mount it' }

t.test('where the control file system is mounted nothing is missing', mounting, async t => {
  const directory = join(t.testdir(), 'control')
  await mkdir(directory)
  execFileSync('mount', ['-t', 'fusectl', 'fusectl', directory])
  try {
    t.match(await checkControl(false, directory), { verdict: 'ok', found: directory })
  } finally {
    execFileSync('umount', ['-l', directory])
  }
})
