import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import { mountDirectory, temporaryDirectory } from '../helpers/mounted-directory.js'
import { git, run } from '../helpers/programs.js'

const skip =
  cannotMount || missingPrograms('git', 'sqlite3', 'zip', 'unzip', 'rsync', 'file', 'tar', 'python3')

/** One of everything that the programs below read. */
async function fill(directory: string): Promise<void> {
  const pages = Buffer.alloc(5 * 1024 * 1024 + 17)
  for (let i = 0; i < pages.length; i += 7) pages[i] = i % 251
  await writeFile(join(directory, 'pages.bin'), pages)
  // A hole of 3 MiB between two texts: copies must keep both texts.
  await writeFile(join(directory, 'with-hole.bin'), 'begins here')
  await run('truncate', '-s', '3M', join(directory, 'with-hole.bin'))
  await writeFile(join(directory, 'with-hole.bin'), 'ends here', { flag: 'a' })
  await mkdir(join(directory, 'documents'))
  for (let i = 0; i < 40; i++)
    await writeFile(join(directory, 'documents', `note ${i}.txt`), `I am note ${i}.\n`)
  await run('zip', '-q', '-r', join(directory, 'documents.zip'), join(directory, 'documents'))
  await run(
    'sqlite3',
    join(directory, 'people.db'),
    "CREATE TABLE person (name); WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO person SELECT 'person ' || i FROM n;",
  )
  const work = join(directory, 'documents')
  await git('init', '-q', '-b', 'main', work)
  await git('-C', work, 'add', '.')
  await git('-C', work, 'commit', '-q', '-m', 'Write forty notes')
  await git('clone', '-q', '--bare', work, join(directory, 'notes.git'))
  await run('rm', '-rf', join(work, '.git'))
}

t.test('programs that nobody here wrote read the drive as they read a disk', { skip }, async t => {
  const { library, source } = await mountDirectory(t, fill)
  const scratch = await temporaryDirectory(t)
  const on = (name: string) => join(library, name)
  const of = (name: string) => join(source, name)
  const copy = (name: string) => join(scratch, name)

  await t.test('find lists the same', async t => {
    const find = async (directory: string) =>
      (await run('find', directory, '-printf', '%P %y %s\\n'))
        .split('\n')
        .map(line => line.replace(/ d \d+$/, ' d'))
        .sort()
    t.same(await find(library), await find(source))
  })

  await t.test('tar --sparse archives online-only files with their bytes', async t => {
    await run('tar', '--sparse', '-cf', copy('drive.tar'), '-C', library, 'with-hole.bin')
    await run('tar', '-xf', copy('drive.tar'), '-C', scratch)
    t.same(await readFile(copy('with-hole.bin')), await readFile(of('with-hole.bin')))
  })

  await t.test('cp --sparse=always and cp --sparse=auto copy every byte', async t => {
    for (const mode of ['always', 'auto']) {
      await run('cp', `--sparse=${mode}`, on('pages.bin'), copy(mode))
      t.same(await readFile(copy(mode)), await readFile(of('pages.bin')), mode)
    }
  })

  await t.test('sha256sum', async t => {
    const sum = async (path: string) => (await run('sha256sum', path)).split(' ')[0]
    t.equal(await sum(on('pages.bin')), await sum(of('pages.bin')))
  })

  await t.test('rsync --archive --checksum, and nothing to do when asked again', async t => {
    await run('rsync', '-rt', '--checksum', `${on('documents')}/`, copy('synced'))
    t.equal(await run('diff', '-r', of('documents'), copy('synced')), '')
    t.equal(
      await run('rsync', '-rt', '--out-format=%n', '--chmod=u+w', `${on('documents')}/`, copy('synced')),
      '',
    )
  })

  await t.test('unzip -t', async t => {
    t.match(await run('unzip', '-t', on('documents.zip')), 'No errors detected')
  })

  await t.test('file knows what it is by its head', async t => {
    t.match(await run('file', '--brief', on('documents.zip')), /^Zip archive/)
    t.match(await run('file', '--brief', on('people.db')), /^SQLite 3/)
  })

  await t.test('sqlite3 opens a database in place', async t => {
    t.equal(
      (await run('sqlite3', '-readonly', on('people.db'), 'SELECT count(*) FROM person')).trim(),
      '5000',
    )
    t.equal((await run('sqlite3', '-readonly', on('people.db'), 'PRAGMA integrity_check')).trim(), 'ok')
  })

  await t.test('python maps a file into memory', async t => {
    const program =
      'import mmap,sys,hashlib\n' +
      'f=open(sys.argv[1],"rb"); m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)\n' +
      'print(hashlib.sha256(m[4000000:4100000]+m[:10]+m[-10:]).hexdigest())'
    await copyFile(of('pages.bin'), copy('pages.bin'))
    t.equal(
      await run('python3', '-c', program, on('pages.bin')),
      await run('python3', '-c', program, copy('pages.bin')),
    )
  })

  await t.test('git clones from a bare repository on the drive', async t => {
    await git('clone', '-q', on('notes.git'), copy('clone'))
    t.equal(await run('diff', '-r', '--exclude=.git', of('documents'), copy('clone')), '')
    await git('-C', copy('clone'), 'fsck', '--strict')
  })
})
