import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/concurrency/clock.js'
import { DirtyFiles, type DirtyFilesDeps } from '../../../src/dirty/dirty-files.js'
import { NativeDirtyFile } from '../../../src/dirty/native-dirty-file.js'
import { PlainDirtyFile } from '../../../src/dirty/plain-dirty-file.js'
import type { Ino } from '../../../src/model/ids.js'
import { loadNativeAddon } from '../../../src/transport/native-addon.js'
import { temporaryDirectory } from '../../helpers/mounted-directory.js'

const INO = 7 as Ino

type Make = DirtyFilesDeps['make']
type FilesIn = (directory: string, boot?: bigint) => DirtyFiles

const addon = loadNativeAddon()
const inTheAddon: Record<string, Make> = { 'in the addon': state => new NativeDirtyFile(addon, state) }
const makers: Record<string, Make> = {
  'in JavaScript alone': state => new PlainDirtyFile(state, systemClock),
  // On Linux only.
  ...('DirtyFile' in addon ? inTheAddon : {}),
}

/** Each has to do the same. */
function test(sentence: string, body: (t: Test, filesIn: FilesIn) => Promise<void>): void {
  for (const [how, make] of Object.entries(makers)) {
    t.test(`${sentence}, ${how}`, t =>
      body(t, (directory, boot = 1n) => new DirtyFiles({ directory, boot, make })),
    )
  }
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

test('a new file is all there is', async (t, filesIn) => {
  const files = filesIn(await temporaryDirectory(t))
  const { file } = files.create(INO, undefined)
  file.write(0, Buffer.from('hello'))
  file.write(7, Buffer.from('you'))
  t.equal(text(file.read({ start: 0, end: 100 })), 'hello\0\0you')
  t.same(file.fromBase({ start: 0, end: 10 }), [])
  file.truncate(4)
  file.truncate(6)
  t.equal(text(file.read({ start: 0, end: 6 })), 'hell\0\0')
})

test('what was not written comes from the base, and never again from behind a cut', async (t, filesIn) => {
  const files = filesIn(await temporaryDirectory(t))
  const { file } = files.create(INO, 100)
  file.write(10, Buffer.from('abc'))
  t.equal(file.size, 100)
  t.same(file.fromBase({ start: 0, end: 100 }), [
    { start: 0, end: 10 },
    { start: 13, end: 100 },
  ])
  file.truncate(50)
  file.truncate(80)
  t.same(file.fromBase({ start: 13, end: 80 }), [{ start: 13, end: 50 }])
  file.zero({ start: 20, end: 30 })
  t.same(file.fromBase({ start: 13, end: 80 }), [
    { start: 13, end: 20 },
    { start: 30, end: 50 },
  ])
})

test('bytes of the base that come late do not cover what was written meanwhile', async (t, filesIn) => {
  const files = filesIn(await temporaryDirectory(t))
  const { file } = files.create(INO, 10)
  file.write(4, Buffer.from('NEW'))
  const { revision } = file
  file.fill(0, Buffer.from('0123456789'))
  t.equal(text(file.read({ start: 0, end: 10 })), '0123NEW789')
  t.same(file.fromBase({ start: 0, end: 10 }), [])
  t.equal(file.revision, revision, 'that is no change')
})

test('after the process was killed everything that was written is known', async (t, filesIn) => {
  const directory = await temporaryDirectory(t)
  const { file } = filesIn(directory).create(INO, 100)
  file.write(90, Buffer.from('behind the end'))
  file.truncate(95)
  // Nobody closes anything; a record was cut off.
  await appendFile(join(directory, '7.log'), Buffer.alloc(5))
  const again = filesIn(directory).open(INO, 100)
  t.equal(again.file.size, 95)
  t.same(again.file.fromBase({ start: 0, end: 95 }), [{ start: 0, end: 90 }])
  t.equal(text(again.file.read({ start: 90, end: 95 })), 'behin')
  again.file.write(10, Buffer.from('more'))
  const third = filesIn(directory).open(INO, 100)
  t.same(third.file.fromBase({ start: 0, end: 20 }), [
    { start: 0, end: 10 },
    { start: 14, end: 20 },
  ])
})

test('after the machine went down only what was synced counts as written', async (t, filesIn) => {
  const directory = await temporaryDirectory(t)
  const files = filesIn(directory)
  const opened = files.create(INO, 100)
  opened.file.write(0, Buffer.from('synced'))
  await files.sync(opened)
  opened.file.write(50, Buffer.from('not synced'))
  const again = filesIn(directory, 2n).open(INO, 100)
  t.same(again.file.fromBase({ start: 0, end: 100 }), [{ start: 6, end: 100 }])
  t.equal(text(again.file.read({ start: 50, end: 60 })), '\0'.repeat(10), 'zeros, until the base gives them')
})

test('a file that was sent becomes a content of the cache', async (t, filesIn) => {
  const directory = await temporaryDirectory(t)
  const files = filesIn(join(directory, 'unsent'))
  const opened = files.create(INO, undefined)
  opened.file.write(0, Buffer.from('sent'))
  files.release(opened)
  t.same(files.inos(), [INO])
  t.ok(files.moveTo(INO, join(directory, 'cache', '07', '7-1')))
  t.equal(await readFile(join(directory, 'cache', '07', '7-1'), 'utf8'), 'sent')
  t.same(await readdir(join(directory, 'unsent')), [])
})

test('what nobody knows any more is set aside, not deleted', async (t, filesIn) => {
  const directory = await temporaryDirectory(t)
  const files = filesIn(directory)
  await writeFile(join(directory, '9'), 'whose is this?')
  const path = files.setAside(9 as Ino, join(directory, 'aside'))
  t.equal(await readFile(path, 'utf8'), 'whose is this?')
  t.same(files.inos(), [])
})

test('all who have a file open share it', async (t, filesIn) => {
  const files = filesIn(await temporaryDirectory(t))
  const first = files.create(INO, undefined)
  const second = files.open(INO, 0)
  first.file.write(0, Buffer.from('seen'))
  t.equal(text(second.file.read({ start: 0, end: 4 })), 'seen')
  files.release(first)
  second.file.write(4, Buffer.from('!'))
  files.release(second)
  t.equal(files.opened(INO), undefined)
  t.equal(files.open(INO, 0).file.size, 5)
})

test('a closed file says what it was like, and is not written any more', async (t, filesIn) => {
  const files = filesIn(await temporaryDirectory(t))
  const opened = files.create(INO, undefined)
  opened.file.write(0, Buffer.from('four'))
  const { modified } = opened.file
  files.release(opened)
  t.same([opened.file.size, opened.file.modified, opened.file.revision], [4, modified, 1])
  t.throws(() => opened.file.write(0, Buffer.from('late')), { code: 'local-io' })
})
