import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ContentVersion, DriveId, ItemId, TenantId } from '../../../src/model/ids.js'
import { Store } from '../../../src/store/store.js'
import { ThumbnailCache } from '../../../src/thumbnails/thumbnail-cache.js'
import { TestClock } from '../../semantics/test-clock.js'

const item = (name: string) => ({
  tenant: 'contoso' as TenantId,
  drive: 'projects' as DriveId,
  item: name as ItemId,
})
const FIRST = 'version 1' as ContentVersion
const SECOND = 'version 2' as ContentVersion
const picture = (text: string) => Buffer.from(`I am a picture of ${text}`)

function openCache(t: Test, place = 'thumbnails') {
  const home = mkdtempSync(join(tmpdir(), 'b2bmount-cache-'))
  const directory = join(home, place)
  const clock = new TestClock()
  const store = new Store(join(home, 'store.sqlite'), clock.now())
  const troubles: string[] = []
  const options = { store, directory, clock, onTrouble: (event: string) => void troubles.push(event) }
  const cache = new ThumbnailCache(options)
  t.teardown(() => {
    cache.close()
    store.close()
    rmSync(home, { recursive: true, force: true })
  })
  return { cache, home, directory, troubles, again: () => new ThumbnailCache(options) }
}

t.test('what is kept is there again after the program has ended, and private to its user', async t => {
  const { cache, directory, again } = openCache(t)
  await Promise.all(
    ['lake', 'hill', 'wood'].map(name => cache.putImage(item(name), FIRST, 256, 'service', picture(name))),
  )
  for (const name of readdirSync(directory)) t.equal(statSync(join(directory, name)).mode & 0o077, 0, name)
  cache.close()
  const later = again()
  t.teardown(() => later.close())
  t.match(later.get(item('hill'), FIRST, 256), { kind: 'image', image: picture('hill'), source: 'service' })
  t.equal(later.get(item('hill'), SECOND, 256), undefined, 'not of another version')
})

t.test('a damaged file costs its images, which are kept again when they come again', async t => {
  const { cache, directory, again, troubles } = openCache(t)
  await cache.putImage(item('lake'), FIRST, 256, 'service', picture('lake'))
  cache.close()
  writeFileSync(join(directory, 'images.sqlite'), 'I am no database. '.repeat(1000))
  const later = again()
  t.teardown(() => later.close())
  t.equal(later.get(item('lake'), FIRST, 256), undefined)
  t.equal(later.record(item('lake'), FIRST, 256), undefined, 'nor is it listed any more')
  await later.putImage(item('lake'), FIRST, 256, 'service', picture('lake'))
  t.match(later.get(item('lake'), FIRST, 256), { kind: 'image' })
  t.same(troubles, [])
  t.same(
    readdirSync(directory).filter(name => name.includes('corrupt')),
    [],
  )
})

t.test('damage that is found only when the file is used costs no more', async t => {
  const { cache, directory, again, troubles } = openCache(t)
  // So many that the file is not checked when it is opened.
  const large = Buffer.alloc(1_000_000, 'x')
  for (let i = 0; i < 36; i++) await cache.putImage(item(`lake ${i}`), FIRST, 256, 'service', large)
  cache.close()
  const file = openSync(join(directory, 'images.sqlite'), 'r+')
  writeSync(file, Buffer.alloc(3 * 4096, 0xff), 0, 3 * 4096, 4096)
  closeSync(file)
  const later = again()
  t.teardown(() => later.close())
  t.equal(later.get(item('lake 7'), FIRST, 256), undefined)
  await later.putImage(item('hill'), FIRST, 256, 'service', picture('hill'))
  t.match(later.get(item('hill'), FIRST, 256), { kind: 'image' })
  t.same(troubles, ['thumbnail-not-kept'])
})

t.test('a folder that cannot be used costs thumbnails only, and is said once', async t => {
  const { cache, home, troubles } = openCache(t, 'in-the-way/thumbnails')
  writeFileSync(join(home, 'in-the-way'), 'I am a file.\n')
  for (const name of ['lake', 'hill']) {
    await cache.putImage(item(name), FIRST, 256, 'service', picture(name))
    t.equal(cache.get(item(name), FIRST, 256), undefined)
  }
  await cache.sweep()
  t.same(troubles, ['thumbnail-not-kept'])
  rmSync(join(home, 'in-the-way'))
  await cache.putImage(item('lake'), FIRST, 256, 'service', picture('lake'))
  t.match(cache.get(item('lake'), FIRST, 256), { kind: 'image' }, 'as soon as it can be used')
})

t.test('an item keeps the image of one version', async t => {
  const { cache } = openCache(t)
  await cache.putImage(item('lake'), FIRST, 256, 'service', picture('lake'))
  await cache.putImage(item('lake'), SECOND, 256, 'service', picture('a larger lake'))
  t.same(cache.totals(), { images: 1, bytes: picture('a larger lake').length, none: 0 })
  cache.putNone(item('lake'), SECOND, 256, Number.MAX_SAFE_INTEGER)
  t.same(cache.get(item('lake'), SECOND, 256), { kind: 'none' })
})

t.test('clearing gives the space back; what an earlier version kept in files is swept', async t => {
  const { cache, directory } = openCache(t)
  await cache.putImage(item('lake'), FIRST, 256, 'service', picture('lake'))
  mkdirSync(join(directory, 'ab'))
  writeFileSync(join(directory, 'ab', 'abcdef'), 'old')
  await cache.sweep()
  t.notOk(existsSync(join(directory, 'ab')))
  t.match(cache.get(item('lake'), FIRST, 256), { kind: 'image' })
  t.match(await cache.clear(), { images: 1 })
  t.notOk(existsSync(directory))
  await cache.putImage(item('lake'), FIRST, 256, 'service', picture('lake'))
  t.match(cache.get(item('lake'), FIRST, 256), { kind: 'image' })
})
