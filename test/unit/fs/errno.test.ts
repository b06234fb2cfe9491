import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import t from 'tap'
import { ERRNO_BY_CODE, toErrno } from '../../../src/fs/errno.js'
import { Fault } from '../../../src/model/fault.js'

const SEMANTICS = new URL('../../../../docs/SEMANTICS.md', import.meta.url)

t.test('docs/SEMANTICS.md and the table have the same rows', t => {
  const rows = readFileSync(SEMANTICS, 'utf8').matchAll(/^\| `([a-z-]+)` \| (E[A-Z]+) \| \S/gm)
  const documented: unknown = Object.fromEntries([...rows].map(([, code, name]) => [code, name]))
  const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))
  // Two names of one number: ENOTSUP and EOPNOTSUPP, EAGAIN and EWOULDBLOCK.
  names.set(constants.errno.ENOTSUP, 'ENOTSUP')
  const coded = Object.fromEntries(
    Object.entries(ERRNO_BY_CODE).map(([code, number]) => [code, names.get(number)]),
  )
  t.same(documented, coded)
  t.end()
})

t.test('a fault reaches the kernel as its errno, a bug as EIO', t => {
  t.equal(toErrno(new Fault('item-not-found', 'no Budget.xlsx here')), constants.errno.ENOENT)
  t.equal(toErrno(new TypeError('undefined is not a function')), constants.errno.EIO)
  t.end()
})
