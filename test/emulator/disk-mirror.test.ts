import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DiskMirror } from '../../src/emulator/world/disk-mirror.js'
import { buildWorld } from '../../src/emulator/world/build-world.js'
import type { Item } from '../../src/emulator/world/drive.js'
import { becomeOrdinaryUser } from '../helpers/ordinary-user.js'

/** A directory as a library, beside one that nobody has chosen to serve. */
async function mirrored(t: Test, base = t.testdir()) {
  mkdirSync(join(base, 'served/sub'), { recursive: true })
  mkdirSync(join(base, 'secret'))
  writeFileSync(join(base, 'served/plain.txt'), 'plain')
  writeFileSync(join(base, 'served/sub/in.txt'), 'in')
  writeFileSync(join(base, 'secret/s.txt'), 's')
  const directory = join(base, 'served')
  const world = await buildWorld('empty', [{ tenant: 'contoso', name: 'Projects', directory }])
  const drive = world.sites.flatMap(site => site.libraries).find(({ source }) => source instanceof DiskMirror)
  if (drive === undefined) throw new Error('there is no such library')
  const child = (name: string): Item => {
    const found = drive.root.children.find(item => item.name === name)
    if (found === undefined) throw new Error(`there is no ${name}`)
    return found
  }
  const list = async (folder: Item = drive.root) => {
    await drive.source?.refreshFolder(folder)
    return folder.children.map(({ name }) => name).sort()
  }
  return { base, directory, drive, child, list }
}

async function textOf(item: Item): Promise<string> {
  const reader = await item.content?.open()
  if (reader === undefined) return ''
  const buffer = Buffer.alloc(100)
  const count = await reader.read(buffer, 0)
  await reader.close()
  return buffer.toString('utf8', 0, count)
}

t.test('what is no plain file or folder is left out, and the rest is there', async t => {
  const { directory, list } = await mirrored(t)
  symlinkSync('../secret', join(directory, 'folder-link'))
  symlinkSync('../secret/s.txt', join(directory, 'file-link'))
  execFileSync('mkfifo', [join(directory, 'fifo')])
  writeFileSync(
    Buffer.concat([Buffer.from(`${directory}/bad-`), Buffer.from([0xff]), Buffer.from('.txt')]),
    'x',
  )
  t.same(await list(), ['plain.txt', 'sub'])
})

t.test('a symbolic link put in the place of a folder or file leads nowhere', async t => {
  const { base, directory, list, child } = await mirrored(t)
  await list()
  const [sub, plain] = [child('sub'), child('plain.txt')]
  t.same(await list(sub), ['in.txt'])
  t.equal(await textOf(plain), 'plain')

  renameSync(join(directory, 'sub'), join(base, 'moved'))
  symlinkSync('../secret', join(directory, 'sub'))
  renameSync(join(directory, 'plain.txt'), join(base, 'plain.txt'))
  symlinkSync('../secret/s.txt', join(directory, 'plain.txt'))
  t.same(await list(sub), [])
  t.equal(await textOf(plain), '')
  t.same(await list(), [])
})

t.test('one file that we may not read does not hide the others', async t => {
  // Where an ordinary user can get at it, too.
  const base = mkdtempSync(join(tmpdir(), 'b2bmount-mirror-'))
  t.teardown(() => rmSync(base, { recursive: true }))
  chmodSync(base, 0o755)
  const { directory, list, child } = await mirrored(t, base)
  writeFileSync(join(directory, 'closed.txt'), 'x', { mode: 0 })
  mkdirSync(join(directory, 'closed'), { mode: 0 })
  becomeOrdinaryUser(t)
  t.same(await list(), ['closed', 'plain.txt', 'sub'])
  t.same(await list(child('closed')), [])
})
