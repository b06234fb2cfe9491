import Sqlite from 'better-sqlite3'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isFault } from '../../../src/model/fault.js'
import { Database } from '../../../src/store/database.js'
import { Store } from '../../../src/store/store.js'

const NOW = Date.UTC(2026, 10, 23, 12)

t.test('the store is private to its user', t => {
  const directory = join(t.testdir(), 'state')
  const store = new Store(join(directory, 'store.sqlite'), NOW)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  for (const name of readdirSync(directory))
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  store.close()
  t.end()
})

t.test('a damaged store is kept as evidence, and a new one can begin', t => {
  const path = join(t.testdir(), 'store.sqlite')
  writeFileSync(path, 'I am no database, and long enough that nobody takes me for an empty one. '.repeat(100))
  writeFileSync(`${path}-wal`, 'nor am I a log')
  try {
    new Database(path, NOW)
    t.fail('opened')
  } catch (failure) {
    t.ok(isFault(failure, 'store-corrupt'))
    t.match(failure, { message: /store\.sqlite\.corrupt-2026-11-23T12-00-00/, nextStep: /b2bmount add/ })
  }
  t.ok(existsSync(`${path}.corrupt-2026-11-23T12-00-00.000Z`))
  t.ok(existsSync(`${path}.corrupt-2026-11-23T12-00-00.000Z-wal`))
  const store = new Store(path, NOW)
  t.equal(store.items.count(), 1)
  store.close()
  t.end()
})

t.test('damage inside a store that was not closed is found at the next start', t => {
  const directory = t.testdir()
  const path = join(directory, 'store.sqlite')
  const store = new Store(path, NOW)
  t.teardown(() => store.close())
  const crashed = join(directory, 'crashed.sqlite')
  copyFileSync(path, crashed)
  copyFileSync(`${path}-wal`, `${crashed}-wal`)
  new Database(crashed, NOW).close()
  const bytes = readFileSync(crashed)
  bytes.fill(0xff, 4096 * 3, 4096 * 4)
  writeFileSync(crashed, bytes)
  t.throws(() => new Database(crashed, NOW), { code: 'store-corrupt' })
  t.end()
})

t.test('a store of a newer version is left alone', t => {
  const path = join(t.testdir(), 'store.sqlite')
  const newer = new Sqlite(path)
  newer.pragma('user_version = 1000')
  newer.close()
  const before = readFileSync(path)
  t.throws(() => new Database(path, NOW), { code: 'configuration-invalid', nextStep: /newer version/ })
  t.ok(before.equals(readFileSync(path)))
  t.end()
})

t.test('a folder that cannot be written to is a sentence, not a stack', t => {
  const directory = t.testdir()
  writeFileSync(join(directory, 'in-the-way'), '')
  t.throws(() => new Database(join(directory, 'in-the-way', 'store.sqlite'), NOW), { code: 'local-io' })
  chmodSync(directory, 0o700)
  t.end()
})

t.test('a full disk is a fault, and what was committed before stays', t => {
  const path = join(t.testdir(), 'store.sqlite')
  const database = new Database(path, NOW)
  t.teardown(() => database.close())
  database.prepare('CREATE TABLE filler (bytes BLOB)').run()
  database.prepare<[Buffer]>('INSERT INTO filler VALUES (?)').run(Buffer.alloc(10))
  const pages = database.preparePluck<[], number>('PRAGMA page_count').get() ?? 0
  database.preparePluck(`PRAGMA max_page_count = ${pages + 2}`).get()
  const insert = database.prepare<[Buffer]>('INSERT INTO filler VALUES (?)')
  t.throws(() => database.transaction(() => insert.run(Buffer.alloc(1_000_000))), { code: 'disk-full' })
  t.equal(database.preparePluck<[], number>('SELECT count(*) FROM filler').get(), 1)
  t.end()
})

t.test('a transaction that throws changes nothing', t => {
  const database = new Database(join(t.testdir(), 'store.sqlite'), NOW)
  t.teardown(() => database.close())
  t.throws(
    () =>
      database.transaction(() => {
        database.prepare('DELETE FROM item').run()
        throw new Error('I changed my mind')
      }),
    { message: 'I changed my mind' },
  )
  t.equal(database.preparePluck<[], number>('SELECT count(*) FROM item').get(), 1)
  t.end()
})

t.test('a burst of writes is checkpointed by another thread, and nothing is left behind', async t => {
  const path = join(t.testdir(), 'store.sqlite')
  const database = new Database(path, NOW)
  database.prepare('CREATE TABLE filler (bytes BLOB)').run()
  const insert = database.prepare<[Buffer]>('INSERT INTO filler VALUES (?)')
  const fill = () => {
    for (let i = 0; i < 64; i++) database.transaction(() => insert.run(Buffer.alloc(100_000, i)))
  }
  fill()
  const before = statSync(path).size
  const end = performance.now() + 10_000
  while (statSync(path).size <= before && performance.now() < end)
    await new Promise(resolve => setImmediate(resolve))
  t.ok(statSync(path).size > before)
  fill()
  database.close()
  t.same(readdirSync(t.testdirName), ['store.sqlite'])
  const again = new Database(path, NOW)
  t.equal(again.preparePluck<[], number>('SELECT count(*) FROM filler').get(), 128)
  again.close()
})
