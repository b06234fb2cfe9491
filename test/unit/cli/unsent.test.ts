import t from 'tap'
import { exportLines } from '../../../src/cli/commands/export.js'
import { unsentLines } from '../../../src/cli/commands/sync.js'
import { FakeServices } from '../daemon/fake-services.js'
import { openHome } from './run.js'

t.test('what was changed here and not sent is listed with the reason', async t => {
  const services = new FakeServices()
  t.same(unsentLines(await services.sync(), 0), ['Everything has been sent.'])
  services.busy = true
  t.match(unsentLines(await services.sync(), 60_000), [
    'Not sent yet: 25 changes, 3.0 MB',
    /^ {2}changed {3}waiting {20}.*1 minute ago {2}.*plan\.docx$/,
    '      Somebody has it open. It is tried again.',
    /^ {2}deleted {3}held: you are asked first +1 minute ago {2}\/x\/gone$/,
    /^ {2}new file {2}sending, 500 KB of 1\.5 MB +1 minute ago {2}\/x\/new$/,
    '  … and 22 changes more',
  ])
})

t.test('when it is tried again is said', async t => {
  const plan = { path: '/x', change: 'name', size: 0, sentBytes: 0, since: 0, state: 'waiting' } as const
  const report = { items: [{ ...plan, nextAttempt: 90_500 }], total: 1, bytes: 0 }
  t.match(unsentLines(report, 60_000)[1], /moved {2}waiting, again in 31 seconds {2}1 minute ago {2}\/x/)
  t.match(unsentLines(report, 90_500)[1], /moved {2}waiting {2}2 minutes ago/)
})

t.test('who has it open for writing is said', t => {
  const since = new Date(2026, 0, 2, 14, 2).getTime()
  const held = { path: '/x', change: 'content', size: 1, sentBytes: 0, since, state: 'waiting' } as const
  const say = (pid: number) => {
    const items = [{ ...held, openedBy: { program: 'soffice.bin', pid, since } }]
    return unsentLines({ items, total: 1, bytes: 1 }, since)[1] ?? ''
  }
  t.match(say(1234), /changed {2}open for writing by soffice\.bin \(1234\) since /)
  t.match(say(1234), /since (14:02|02:02.PM)/)
  t.match(say(0), /by soffice\.bin since/, 'of another namespace')
  t.end()
})

t.test('sync --wait succeeds when everything has been sent', async t => {
  const home = openHome(t)
  t.same(await home.run('sync', '--wait'), { exitCode: 0, stdout: 'Everything has been sent.\n', stderr: '' })
  t.same(JSON.parse((await home.run('--json', 'sync')).stdout), { items: [], total: 0, bytes: 0 })
})

t.test('an export says what it could not write', async t => {
  const home = openHome(t)
  t.match(await home.run('export', '/tmp/whole'), {
    exitCode: 0,
    stdout: '2 files copied to /tmp/whole, 3.0 MB\n',
  })
  t.match(await home.run('export', '/tmp/full'), {
    exitCode: 1,
    stdout: /\n {4}\/x\/new: The disk is full\.\n/,
  })
  t.match(await home.run('export', '/tmp/half'), { exitCode: 1, stdout: /\n {4}\/y\/half is incomplete: / })
  t.match(exportLines({ directory: '/d', files: 0, bytes: 0, incomplete: [], failures: [] }), [
    'Everything has been sent: there is nothing to copy.',
  ])
})
