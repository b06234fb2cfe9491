import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  auditFile,
  LARGEST_AUDIT_FILE,
  OLD_AUDIT_FILES,
  readAuditTrail,
} from '../../../src/control/audit-trail.js'
import { AuditLog } from '../../../src/daemon/audit-log.js'
import type { Admission } from '../../../src/fs/hydration-gate.js'
import type { ItemRecord } from '../../../src/store/item-record.js'
import { TestClock } from '../../semantics/test-clock.js'

const library = {
  organization: 'Contoso',
  name: 'Projects',
  root: { tenant: 'contoso', drive: 'b!1', item: 'root' },
}
const admission: Admission = {
  program: 'cat',
  executable: '/bin/cat',
  pid: 3,
  uid: 1,
  verdict: 'full',
  appetite: 'ordinary',
}

function world(t: Test, largestFile?: number) {
  const stateDirectory = t.testdir()
  const troubles: string[] = []
  const log = () =>
    new AuditLog({
      stateDirectory,
      store: {
        libraries: { byId: () => library },
        pathOf: (item: ItemRecord) => ['Contoso', 'Projects', item.name],
      } as unknown as ConstructorParameters<typeof AuditLog>[0]['store'],
      clock: new TestClock(),
      onTrouble: event => void troubles.push(event),
      ...(largestFile === undefined ? {} : { largestFile }),
    })
  const names = async () => {
    const found: string[] = []
    for await (const { item } of readAuditTrail(stateDirectory)) found.push(item)
    return found
  }
  return { stateDirectory, log, troubles, names }
}

const item = (name: string) => ({ name, remoteId: name, library: 1 }) as unknown as ItemRecord

t.test('opens of one moment are written together, right after it, and others append', async t => {
  const { log, names, stateDirectory } = world(t)
  const first = log()
  first.opened(item('a'), admission)
  first.opened(item('b'), admission)
  t.equal(readFileSync(auditFile(stateDirectory), 'utf8'), '')
  await new Promise(resolve => setImmediate(resolve))
  t.same(await names(), ['a', 'b'])
  first.close()
  const second = log()
  second.opened(item('c'), admission)
  second.close()
  t.same(await names(), ['a', 'b', 'c'])
  t.same([LARGEST_AUDIT_FILE, OLD_AUDIT_FILES], [10 * 1024 * 1024, 9], 'as docs/SEMANTICS.md says')
})

t.test('it is read across the files that have been put aside, and the oldest goes', async t => {
  const { log, names, stateDirectory } = world(t, 500)
  const audit = log()
  for (let i = 0; i < 100; i++) {
    audit.opened(item(String(i)), admission)
    audit.flush()
  }
  audit.close()
  t.equal(readdirSync(stateDirectory).length, OLD_AUDIT_FILES + 1)
  for (const name of readdirSync(stateDirectory)) {
    const { size, mode } = statSync(join(stateDirectory, name))
    t.ok(size <= 500)
    t.equal(mode & 0o777, 0o600)
  }
  const found = await names()
  t.same(
    found,
    Array.from({ length: found.length }, (_, i) => String(100 - found.length + i)),
    'in order, up to the last',
  )
})

t.test('a disk that is full is said once, and keeps nobody from anything', async t => {
  const { log, troubles, names, stateDirectory } = world(t)
  symlinkSync('/dev/full', auditFile(stateDirectory))
  const audit = log()
  for (const name of ['a', 'b', 'c']) {
    audit.opened(item(name), admission)
    t.doesNotThrow(() => audit.flush())
  }
  t.same(troubles, ['audit-not-written'])
  audit.close()
  rmSync(auditFile(stateDirectory))
  const again = log()
  again.opened(item('d'), admission)
  again.close()
  t.same(await names(), ['d'])
})

t.test('half a line, of a crash, is left out and spoils no other', async t => {
  const { log, names, stateDirectory } = world(t)
  const audit = log()
  audit.opened(item('a'), admission)
  audit.close()
  appendFileSync(auditFile(stateDirectory), '{"at":1,"pa')
  const next = log()
  next.opened(item('b'), admission)
  next.close()
  t.same(await names(), ['a', 'b'])
})
