import Sqlite from 'better-sqlite3'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { DriveId, ItemId, TenantId } from '../../../src/model/ids.js'
import type { NewLibrary } from '../../../src/model/library.js'
import { DamagedStore } from '../../../src/store/database.js'
import { beginAgain } from '../../../src/store/rescue.js'
import { Store } from '../../../src/store/store.js'

const NOW = Date.UTC(2026, 10, 23, 12)
const PAGE = 4096

const library = (name: string): NewLibrary => ({
  root: {
    tenant: '22222222-2222-4222-8222-222222222222' as TenantId,
    drive: `b!${name}` as DriveId,
    item: '01AAAA' as ItemId,
  },
  scope: 'library',
  organization: 'Contoso',
  name,
  webUrl: `https://contoso.sharepoint.com/sites/${name}`,
  host: 'contoso.sharepoint.com',
  access: 'read',
})

/** A store with two libraries in which the page that `table` begins with is damaged. */
function damagedStore(directory: string, table: string, change?: string): string {
  const path = join(directory, 'store.sqlite')
  const store = new Store(path, NOW)
  for (const name of ['Design', 'Media']) store.addLibrary(library(name), NOW)
  store.close()
  const sqlite = new Sqlite(path)
  if (change !== undefined) sqlite.exec(change)
  const page = sqlite
    .prepare('SELECT rootpage FROM sqlite_master WHERE name = ?')
    .pluck()
    .get(table) as number
  sqlite.close()
  const bytes = readFileSync(path)
  bytes.fill(0x5a, (page - 1) * PAGE, page * PAGE)
  writeFileSync(path, bytes)
  return path
}

function told(path: string) {
  try {
    new Store(path, NOW).close()
  } catch (failure) {
    if (failure instanceof DamagedStore) return beginAgain(path, failure.evidence, failure, NOW)
    throw failure
  }
  throw new Error('the damage was not found')
}

const namesIn = (path: string) => {
  const store = new Store(path, NOW)
  const names = store.libraries.all().map(({ name }) => name)
  store.close()
  return names
}

t.test('libraries that can still be read in a damaged store are in the new one', t => {
  const path = damagedStore(t.testdir(), 'item')
  t.match(told(path), { code: 'store-corrupt', message: /corrupt-2026/, nextStep: /^2 of your libraries/ })
  t.same(namesIn(path), ['Design', 'Media'])
  t.end()
})

t.test('what is no library any more is left out', t => {
  const path = damagedStore(t.testdir(), 'item', "UPDATE library SET tenant = 'x' WHERE name = 'Design'")
  t.match(told(path), { nextStep: /^1 of your libraries/ })
  t.same(namesIn(path), ['Media'])
  t.end()
})

t.test('where nothing can be read the user is told to add them again', t => {
  const path = damagedStore(t.testdir(), 'library')
  t.match(told(path), { code: 'store-corrupt', nextStep: /b2bmount add ADDRESS/ })
  t.same(namesIn(path), [])
  t.end()
})
