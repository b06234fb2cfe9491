import { openSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { machineFault } from '../../../src/control/machine-fault.js'
import { Fault } from '../../../src/model/fault.js'

const failed = (code: string, path?: string) =>
  Object.assign(new Error(code), { code, syscall: 'open', ...(path === undefined ? {} : { path }) })

t.test('what the disk does is a sentence with the file and the next step', t => {
  t.match(machineFault(failed('ENOSPC', '/state/a'), '/state'), {
    code: 'disk-full',
    message: /\/state\/a$/,
    nextStep: /Free some space/,
  })
  t.match(machineFault(failed('EROFS'), '/state'), { code: 'local-io', message: /^\/state .*EROFS/ })
  const inTheWay = join(t.testdir({ file: '' }), 'file', 'daemon.log')
  try {
    openSync(inTheWay, 'a')
  } catch (failure) {
    t.match(machineFault(failure, '/'), { code: 'local-io', message: new RegExp(inTheWay) })
  }
  t.end()
})

t.test('bugs and faults stay what they are', t => {
  for (const failure of [
    new Error('bug'),
    failed('EBADF'),
    new Fault('already-running', 'x'),
    undefined,
    Object.assign(new Error('x'), { code: 'EACCES' }),
  ])
    t.equal(machineFault(failure, '/state'), failure)
  t.end()
})
