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
const PYTHON = '/usr/bin/python3'
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

const hasGLib = await execute(PYTHON, ['-c', 'import gi; from gi.repository import GLib']).then(
  () => true,
  () => false,
)

t.test('addresses are escaped as GLib does', { skip: !hasGLib && 'python3-gi is not installed' }, async t => {
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
  const paths = names.map(name => `/home/ann/B2B/${name}`)
  const script =
    'import json,sys\nfrom gi.repository import GLib\n' +
    'print(json.dumps([GLib.filename_to_uri(p, None) for p in json.load(sys.stdin)]))'
  const running = execute(PYTHON, ['-c', script])
  running.child.stdin?.end(JSON.stringify(paths))
  t.same(paths.map(fileUri), JSON.parse((await running).stdout))
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

t.test('GNOME’s own library takes them', { skip: !hasGLib && 'python3-gi is not installed' }, async t => {
  const file = join(t.testdir({ home: { 'photo & co.jpg': 'x' }, cache: {} }), 'home', 'photo & co.jpg')
  const { store } = openStore(t, join(t.testdirName, 'cache', 'thumbnails'))
  const { mtimeMs, size } = statSync(file)
  const depicted = { uri: fileUri(file), modifiedSeconds: Math.floor(mtimeMs / 1000), size, version: 'v1' }
  const ask = async () => {
    const script =
      'import sys\nfrom gi.repository import Gio\n' +
      "i = Gio.File.new_for_path(sys.argv[1]).query_info('thumbnail::*', 0, None)\n" +
      "print(i.get_attribute_byte_string('thumbnail::path'), i.get_attribute_boolean('thumbnail::is-valid'), " +
      "i.get_attribute_boolean('thumbnail::failed'))"
    const env = { ...process.env, XDG_CACHE_HOME: join(t.testdirName, 'cache') }
    return (await execute(PYTHON, ['-c', script, file], { env })).stdout.trim()
  }
  await store.writeFailure(depicted)
  t.equal(await ask(), 'None True True')
  await store.write(depicted, 256, png)
  t.equal(await ask(), `${store.pathOf(depicted.uri, 256)} True False`)
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
