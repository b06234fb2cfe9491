import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { JsonLog } from '../../../src/daemon/json-log.js'
import { TestClock } from './test-clock.js'

t.test('a line has time, level, event and fields, and only its owner may read it', t => {
  const file = join(t.testdir(), 'daemon.log')
  const log = new JsonLog({ file, level: 'info', clock: new TestClock() })
  log.info('library-added', { organization: 'Contoso\n', token: 'x' })
  log.debug('request', {})
  log.close()
  log.error('after the end')
  t.same(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as unknown),
    [
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'info',
        event: 'library-added',
        organization: 'Contoso\n',
        token: '[redacted]',
      },
    ],
  )
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.end()
})

t.test('a log that has grown is put aside, and the oldest goes', t => {
  const directory = t.testdir()
  const file = join(directory, 'daemon.log')
  const log = new JsonLog({ file, level: 'info', clock: new TestClock(), largestFile: 200 })
  for (let i = 0; i < 20; i++) log.info('event', { i })
  log.close()
  t.same(readdirSync(directory).sort(), ['daemon.log', 'daemon.log.1', 'daemon.log.2', 'daemon.log.3'])
  t.ok(statSync(file).size <= 200)
  t.match(readFileSync(file, 'utf8'), /"i":19\}\n$/)
  t.end()
})

t.test('a log that cannot be written does not throw', t => {
  const log = new JsonLog({ file: '/proc/nowhere/daemon.log', level: 'debug', clock: new TestClock() })
  t.doesNotThrow(() => log.error('event'))
  const full = new JsonLog({ file: '/dev/full', level: 'debug', clock: new TestClock() })
  t.doesNotThrow(() => full.error('event'))
  full.close()
  t.end()
})
