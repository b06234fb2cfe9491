import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { fileUri } from '../../../src/thumbnails/file-uri.js'
import { FreedesktopStore, unsafePermissions } from '../../../src/thumbnails/freedesktop-store.js'
import { emptyPng, textsOf, withTexts } from '../../../src/thumbnails/png-text.js'
import { TestClock } from '../../semantics/test-clock.js'

const execute = promisify(execFile)
const png = await sharp({ create: { width: 256, height: 192, channels: 3, background: 'teal' } })
  .png()
  .toBuffer()
const photo = {
  uri: 'file:///home/ann/B2B/Photo.jpg',
  modifiedSeconds: 1_700_000_000,
  size: 1234,
  version: 'v1',
}

function openStore(test: Test, directory = join(test.testdir(), 'thumbnails')) {
  const troubles: string[] = []
  const clock = new TestClock()
  const onTrouble = (event: string) => void troubles.push(event)
  return { store: new FreedesktopStore({ directory, clock, onTrouble }), directory, troubles, clock }
}

/** What GLib says of a file. */
async function gio(attributes: string, file: string, cache = '/dev/null'): Promise<string> {
  const env = { ...process.env, XDG_CACHE_HOME: cache, LC_ALL: 'C.UTF-8' }
  return (await execute('gio', ['info', '-a', attributes, file], { env })).stdout
}

const skip = await execute('gio', ['version']).then(
  () => false,
  () => 'gio is not installed',
)

t.test('addresses are escaped as GLib does', { skip }, async t => {
  const printable = String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i)).replaceAll('/', '')
  const names = [
    printable,
    'two  spaces',
    'Überprüfung №1 – «€»',
    '契約書',
    'emoji 🚀👩‍👩‍👧',
    'e\u0301',
    '%41',
    'a\tb\x7f',
  ]
  const directory = t.testdir()
  for (const name of names) {
    const path = join(directory, name)
    writeFileSync(path, '')
    t.equal(/^uri: (.*)$/m.exec(await gio('standard::name', path))?.[1], fileUri(path), name)
  }
})

t.test('a thumbnail says what it is of, and still is the picture', async t => {
  const { store, directory } = openStore(t)
  t.ok(await store.write(photo, 256, png))
  const path = join(directory, 'large', `${createHash('md5').update(photo.uri).digest('hex')}.png`)
  t.equal(store.pathOf(photo.uri, 256), path)
  const written = readFileSync(path)
  t.match(textsOf(written), {
    'Thumb::URI': photo.uri,
    'Thumb::MTime': '1700000000',
    'Thumb::Size': '1234',
    Software: 'b2bmount',
  })
  t.same(await sharp(written).raw().toBuffer(), await sharp(png).raw().toBuffer())
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(directory, 'large')).mode & 0o777, 0o700)
  t.same(readdirSync(join(directory, 'large')).length, 1, 'no temporary file is left')
})

t.test('GLib takes them, and the note of failure', { skip }, async t => {
  const directory = t.testdir({ home: { 'photo & co.jpg': 'x' }, cache: {} })
  const file = join(directory, 'home', 'photo & co.jpg')
  const { store } = openStore(t, join(directory, 'cache', 'thumbnails'))
  const { mtimeMs, size } = statSync(file)
  const depicted = { uri: fileUri(file), modifiedSeconds: Math.floor(mtimeMs / 1000), size, version: 'v1' }
  const ask = () => gio('thumbnail::*', file, join(directory, 'cache'))
  await store.writeFailure(depicted)
  t.match(await ask(), /thumbnail::failed: TRUE/)
  await store.write(depicted, 256, png)
  const answer = await ask()
  t.ok(answer.includes(`thumbnail::path: ${store.pathOf(depicted.uri, 256)}`), answer)
  t.match(answer, /thumbnail::is-valid: TRUE/)
  t.notMatch(answer, /thumbnail::failed/)
})

t.test('whether one stands there is known by address, time and content, also after a restart', async t => {
  const { store, directory } = openStore(t)
  t.notOk(await store.holds(photo, 256))
  await store.write(photo, 256, png)
  for (const each of [store, openStore(t, directory).store]) {
    t.ok(await each.holds(photo, 256))
    t.notOk(await each.holds(photo, 128))
    t.notOk(await each.holds({ ...photo, modifiedSeconds: 1_700_000_001 }, 256))
    t.notOk(await each.holds({ ...photo, version: 'v2' }, 256), 'of the same time, but of another content')
  }
  const foreign = withTexts(png, { 'Thumb::URI': photo.uri, 'Thumb::MTime': '1700000000' })
  writeFileSync(store.pathOf(photo.uri, 256), foreign)
  t.ok(await openStore(t, directory).store.holds(photo, 256), 'another program’s is as good')
})

t.test('a note of failure goes when there is a thumbnail, and all goes when the content is over', async t => {
  const { store, directory } = openStore(t)
  await store.writeFailure(photo)
  t.ok(await store.holdsFailure(photo))
  t.equal((await sharp(emptyPng()).metadata()).width, 1)
  await store.write(photo, 256, png)
  await store.write(photo, 128, png)
  t.notOk(await store.holdsFailure(photo))
  await store.forget(photo.uri)
  t.same(
    ['normal', 'large', join('fail', 'gnome-thumbnail-factory')].flatMap(name =>
      readdirSync(join(directory, name)),
    ),
    [],
  )
  t.notOk(await store.holds(photo, 256))
})

t.test('a folder that cannot be written to costs thumbnails, and is said once', async t => {
  const { store, directory, troubles, clock } = openStore(t)
  writeFileSync(directory, 'a file where the folder should be')
  t.notOk(await store.write(photo, 256, png))
  t.notOk(await store.write(photo, 128, png))
  clock.advance(31_000)
  t.notOk(await store.writeFailure(photo))
  t.same(troubles, ['thumbnail-folder-unusable'])
})

t.test('permissions that let others in are said once', async t => {
  const { store, directory, troubles } = openStore(t)
  mkdirSync(directory)
  chmodSync(directory, 0o777)
  t.match(await unsafePermissions(directory), /can write to/)
  await store.write(photo, 256, png)
  await store.write(photo, 128, png)
  t.same(troubles, ['thumbnail-folder-unsafe'])
  t.ok(existsSync(store.pathOf(photo.uri, 256)))
  chmodSync(directory, 0o755)
  t.match(await unsafePermissions(directory), /look into/)
  chmodSync(directory, 0o700)
  t.equal(await unsafePermissions(directory), undefined)
})
