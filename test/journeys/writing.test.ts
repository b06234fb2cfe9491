import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { DaemonStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { git, run } from '../helpers/programs.js'
import { mountWritable } from '../helpers/writable-library.js'

const MIB = 1024 * 1024

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const nothing = { items: [], total: 0, bytes: 0 }

t.test('what is done on the drive is done at the other organization', { skip: cannotMount }, async t => {
  const library = await mountWritable(t)

  await t.test('files of every size, in new folders, with their times', async t => {
    const contents: Record<string, Buffer> = {
      'empty.txt': Buffer.alloc(0),
      'small.txt': Buffer.from('I exist to be sent.\n'),
      'large.bin': randomBytes(25 * MIB + 7),
    }
    await mkdir(library.on('Plans', '2027'), { recursive: true })
    const then = new Date('2026-03-04T05:06:07Z')
    for (const [name, bytes] of Object.entries(contents)) {
      const path = library.on('Plans', '2027', name)
      await writeFile(path, bytes)
      await utimes(path, then, then)
      t.equal((await stat(path)).mtime.toISOString(), then.toISOString())
    }
    t.same(await library.sync(), nothing)
    for (const [name, bytes] of Object.entries(contents)) {
      const there = `Plans/2027/${name}`
      t.equal(sha256(await library.bytesThere(there)), sha256(bytes), name)
      // An empty file cannot come with its time, which SharePoint counts as another version.
      const versions = bytes.length === 0 ? 2 : 1
      t.match(await library.there(there), { versions, modified: then.getTime() }, name)
      t.equal(sha256(await readFile(library.on('Plans', '2027', name))), sha256(bytes), `${name}, here`)
    }
  })

  await t.test('changes of a file that is there make versions of it', async t => {
    const path = library.on('Plans', '2027', 'small.txt')
    const before = await library.there('Plans/2027/small.txt')
    await appendFile(path, 'And to be sent again.\n')
    await library.sync()
    t.equal(
      (await library.bytesThere('Plans/2027/small.txt')).toString(),
      'I exist to be sent.\nAnd to be sent again.\n',
    )
    const file = await open(path, 'r+')
    await file.write('WE', 0)
    await file.truncate(7)
    await file.close()
    await library.sync()
    t.equal((await library.bytesThere('Plans/2027/small.txt')).toString(), 'WEexist')
    t.match(await library.there('Plans/2027/small.txt'), { id: before.id, versions: 3 })
  })

  await t.test('renames, moves and deletions', async t => {
    const { id } = await library.there('Plans/2027/empty.txt')
    await rename(library.on('Plans', '2027', 'empty.txt'), library.on('Plans', 'Empty.txt'))
    await rename(library.on('Plans', 'Empty.txt'), library.on('Plans', 'EMPTY.txt'))
    await unlink(library.on('Plans', '2027', 'large.bin'))
    await rename(library.on('Plans', '2027'), library.on('Plans', '2028'))
    await library.sync()
    t.match(await library.there('Plans/EMPTY.txt'), { id, name: 'EMPTY.txt' })
    t.same((await library.there('Plans')).children?.toSorted(), ['2028', 'EMPTY.txt'])
    t.same((await library.there('Plans/2028')).children, ['small.txt'])
    await rm(library.on('Plans', '2028'), { recursive: true })
    await library.sync()
    t.same((await library.there('Plans')).children, ['EMPTY.txt'])
  })

  await t.test(
    'a change in the middle of an online-only file downloads the rest when it is sent',
    async t => {
      const generated = { seed: 5, size: 3 * MIB }
      await library.edit({ do: 'create-file', path: '', name: 'middle.bin', generated })
      const bytes = await library.bytesThere('middle.bin')
      await run('ls', library.path)
      for (let i = 0; i < 100 && !existsSync(library.on('middle.bin')); i++) await run('sleep', '0.1')
      const file = await open(library.on('middle.bin'), 'r+')
      await file.write('changed here', MIB)
      await file.close()
      bytes.write('changed here', MIB)
      t.equal(sha256(await readFile(library.on('middle.bin'))), sha256(bytes))
      await library.sync()
      t.equal(sha256(await library.bytesThere('middle.bin')), sha256(bytes))
    },
  )

  await t.test('what SharePoint cannot hold is refused at once', async t => {
    for (const name of ['a:b', 'tail.', 'CON', 'x_vti_y', '.Trash-1000']) {
      await t.rejects(writeFile(library.on(name), ''), { code: /^E(INVAL|PERM|ACCES)$/ }, name)
      await t.rejects(mkdir(library.on(name)), { code: /^E(INVAL|PERM|ACCES)$/ }, name)
    }
    await t.rejects(symlink('EMPTY.txt', library.on('link')), { code: 'EPERM' })
    await t.rejects(writeFile(library.on('PLANS'), ''), { code: /^E(EXIST|ISDIR)$/ })
  })

  await t.test("programs' own files stay here", async t => {
    for (const name of ['~$plan.docx', '.~lock.plan.odt#', '.plan.txt.swp', '4913'])
      await writeFile(library.on('Plans', name), 'x')
    t.same(await library.sync(), nothing)
    t.same((await library.there('Plans')).children, ['EMPTY.txt'])
    t.equal((await readdir(library.on('Plans'))).length, 5)
  })

  await t.test('when both have changed it, both survive', async t => {
    await writeFile(library.on('both.txt'), 'the beginning\n')
    await library.sync()
    // Ours begins first: theirs may be here within a moment, and then ours would be a change of theirs.
    const ours = await open(library.on('both.txt'), 'w')
    await ours.write('ours\n')
    await library.edit({ do: 'replace', path: 'both.txt', text: 'theirs\n' })
    await ours.close()
    await library.sync()
    t.equal((await library.bytesThere('both.txt')).toString(), 'theirs\n')
    const copy = (await library.there('')).children?.find(name => /^both-.+\.txt$/.test(name))
    t.type(copy, 'string')
    t.equal((await library.bytesThere(copy ?? '')).toString(), 'ours\n')
    t.match((await library.sandbox.json<DaemonStatus>('status')).conflicts, [
      { name: 'both.txt', copy: library.on(copy ?? '') },
    ])
    t.match((await library.sandbox.cli('status')).stdout, /^Both sides had changed both\.txt, just now: /m)
  })

  await t.test('kill -9 loses nothing that was closed', async t => {
    const bytes = randomBytes(MIB)
    await writeFile(library.on('survivor.bin'), bytes)
    process.kill((await library.sandbox.json<DaemonStatus>('status')).pid, 'SIGKILL')
    await t.rejects(readdir(library.drive), { code: /^(ENOTCONN|ECONNABORTED)$/ })
    await library.sandbox.json('mount', library.drive)
    t.equal(sha256(await readFile(library.on('survivor.bin'))), sha256(bytes))
    t.same(await library.sync(), nothing)
    t.equal(sha256(await library.bytesThere('survivor.bin')), sha256(bytes))
  })

  await t.test('what cannot be sent is exported', async t => {
    const scratch = await temporaryDirectory(t)
    await library.sandbox.admin('POST', '/faults', { match: { method: 'POST' }, action: { status: 507 } })
    t.teardown(() => library.sandbox.admin('DELETE', '/faults'))
    await writeFile(library.on('unsent.txt'), 'I exist to be exported.\n')
    const report = await library.sync()
    t.match(report, { total: 1, items: [{ change: 'new-file', problem: { code: 'quota-full' } }] })
    t.match(await library.sandbox.cli('remove', library.path, '--json'), {
      status: 1,
      stdout: /"unsent-changes"/,
    })
    const { status } = await library.sandbox.cli('export', join(scratch, 'unsent'))
    t.equal(status, 0)
    const exported = await run('find', join(scratch, 'unsent'), '-name', 'unsent.txt')
    t.equal(await readFile(exported.trim(), 'utf8'), 'I exist to be exported.\n')
  })
})

const skip = cannotMount || missingPrograms('git', 'sqlite3', 'rsync', 'tar', 'vim')

t.test('programs that nobody here wrote write on the drive as on a disk', { skip }, async t => {
  const library = await mountWritable(t)
  const scratch = await temporaryDirectory(t)

  await t.test('git: init, commit, push, clone', async t => {
    const [bare, work] = [library.on('notes.git'), library.on('notes')]
    await git('init', '-q', '--bare', '-b', 'main', bare)
    await git('clone', '-q', bare, work)
    for (let i = 0; i < 5; i++) {
      await writeFile(join(work, `note ${i}.txt`), `I am note ${i}.\n`)
      await git('-C', work, 'add', '.')
      await git('-C', work, 'commit', '-q', '-m', `Write note ${i}`)
    }
    await git('-C', work, 'push', '-q', 'origin', 'HEAD:main')
    await git('clone', '-q', '-b', 'main', bare, join(scratch, 'clone'))
    t.equal(await readFile(join(scratch, 'clone', 'note 4.txt'), 'utf8'), 'I am note 4.\n')
    await git('-C', bare, 'fsck', '--strict')
  })

  await t.test('sqlite3 with a rollback journal', async t => {
    const database = library.on('people.db')
    const sql = (text: string) => run('sqlite3', database, text)
    await sql('PRAGMA journal_mode=DELETE; CREATE TABLE person (name);')
    for (let i = 0; i < 10; i++) await sql(`INSERT INTO person VALUES ('person ${i}');`)
    await sql(
      "BEGIN; DELETE FROM person WHERE name = 'person 3'; ROLLBACK; DELETE FROM person WHERE name = 'person 4';",
    )
    t.equal((await sql('SELECT count(*) FROM person; PRAGMA integrity_check;')).trim(), '9\nok')
  })

  await t.test('tar and rsync, both ways', async t => {
    const tree = join(scratch, 'tree')
    for (let i = 0; i < 10; i++) {
      await mkdir(join(tree, `folder ${i}`), { recursive: true })
      for (let j = 0; j < 30; j++) await writeFile(join(tree, `folder ${i}`, `file ${j}.txt`), `${i} ${j}\n`)
    }
    await run('tar', '-cf', join(scratch, 'tree.tar'), '-C', scratch, 'tree')
    await run('tar', '-xf', join(scratch, 'tree.tar'), '-C', library.path)
    await run('diff', '-r', tree, library.on('tree'))
    await run('rm', '-r', join(tree, 'folder 3'))
    await writeFile(join(tree, 'folder 4', 'file 5.txt'), 'changed\n')
    await truncate(join(tree, 'folder 4', 'file 6.txt'), 0)
    await run('rsync', '-a', '--delete', `${tree}/`, `${library.on('tree')}/`)
    await run('diff', '-r', tree, library.on('tree'))
    await run('rsync', '-a', '--delete', `${library.on('tree')}/`, `${join(scratch, 'back')}/`)
    await run('diff', '-r', tree, join(scratch, 'back'))
    // Times came along: nothing would be sent again. Those of folders the service keeps by rules of its own.
    t.equal(
      await run('rsync', '-ai', '--omit-dir-times', '--delete', `${tree}/`, `${library.on('tree')}/`),
      '',
    )
  })

  await t.test('vim saves a new version of the same item', async t => {
    const path = library.on('letter.txt')
    await writeFile(path, 'Dear Sirs\n')
    await library.sync()
    const { id } = await library.there('letter.txt')
    for (const settings of [
      'set nobackup nowritebackup',
      'set backup writebackup backupcopy=no',
      'set backupcopy=yes',
    ]) {
      await run('vim', '-u', 'NONE', '-es', '-c', settings, '-c', 'normal GoYours', '-c', 'wq', path)
      await library.sync()
    }
    t.equal((await library.bytesThere('letter.txt')).toString(), 'Dear Sirs\nYours\nYours\nYours\n')
    t.match(await library.there('letter.txt'), { id, versions: 4 })
  })

  await t.test('and all of it is at the other organization', async t => {
    t.same(await library.sync(), nothing)
    for (const path of ['people.db', 'tree/folder 4/file 5.txt', 'notes/note 3.txt', 'notes.git/HEAD'])
      t.equal(sha256(await library.bytesThere(path)), sha256(await readFile(library.on(path))), path)
    t.same((await library.there('tree')).children?.toSorted(), (await readdir(library.on('tree'))).toSorted())
  })
})
