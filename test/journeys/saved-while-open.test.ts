import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { run } from '../helpers/programs.js'
import { mountWritable } from '../helpers/writable-library.js'

const MIB = 1024 * 1024
const nothing = { items: [], total: 0, bytes: 0 }
const skip = cannotMount || missingPrograms('python3', 'sqlite3')

/** A Python that does one line after the other, keeps everything open, and says `done` after each. */
class Keeper {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(t: Test) {
    const loop =
      'import sys\nscope = {}\nfor line in sys.stdin:\n exec(line, scope)\n print("done", flush=True)'
    const child = spawn('python3', ['-c', loop], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    t.teardown(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  async does(line: string): Promise<void> {
    this.#child.stdin?.write(`${line}\n`)
    const { value } = (await this.#lines.next()) as { value?: string }
    if (value !== 'done') throw new Error(`python3: ${value ?? 'ended'} at ${line}`)
  }
}

// SEMANTICS: "What a program has saved is sent, also while it keeps the file open."
t.test('what programs have saved is sent while they keep the file open', { skip }, async t => {
  const library = await mountWritable(t)
  const { sandbox } = library
  const there = async (name: string) => (await library.bytesThere(name)).toString()

  for (const size of [100, 6 * MIB]) {
    await t.test(
      `${size} bytes that are synced: by itself, once for each save, by the same handle`,
      async t => {
        const name = `synced-${size}.txt`
        await writeFile(library.on(name), 'old')
        t.same(await library.sync(), nothing)
        const { ino } = await stat(library.on(name))
        const file = await open(library.on(name), 'r+')
        try {
          const first = Buffer.alloc(size, 'a')
          await file.write(first, 0, size, 0)
          await file.sync()
          await eventually('the first save arrives', async () => (await library.there(name)).versions === 2)
          t.ok((await library.bytesThere(name)).equals(first))
          t.same(await library.sync(), nothing, 'nothing waits for the close')
          await file.write('second', 10)
          await file.sync()
          t.same(await library.sync(), nothing)
          const second = Buffer.concat([first.subarray(0, 10), Buffer.from('second'), first.subarray(16)])
          t.ok((await library.bytesThere(name)).equals(second))
          t.ok((await readFile(library.on(name))).equals(second), 'another program reads the same')
          const { bytesRead, buffer } = await file.read(Buffer.alloc(20), 0, 20, 0)
          t.ok(buffer.subarray(0, bytesRead).equals(second.subarray(0, 20)), 'and so does this one')
          t.equal((await file.stat()).ino, ino)
        } finally {
          await file.close()
        }
        t.same(await library.sync(), nothing)
        t.match(await library.there(name), { versions: 3 }, 'closing sends nothing')
        t.equal((await stat(library.on(name))).ino, ino)
      },
    )
  }

  await t.test('a mapping that is synced', async t => {
    await writeFile(library.on('mapped.bin'), Buffer.alloc(64 * 1024, 'o'))
    t.same(await library.sync(), nothing)
    const keeper = new Keeper(t)
    await keeper.does('import mmap')
    await keeper.does(`f = open(${JSON.stringify(library.on('mapped.bin'))}, 'r+b')`)
    await keeper.does('m = mmap.mmap(f.fileno(), 0); f.close()')
    await keeper.does("m[5000:5003] = b'new'; m[60000:60003] = b'end'")
    await keeper.does('m.flush()')
    t.same(await library.sync(), nothing)
    const bytes = await library.bytesThere('mapped.bin')
    t.equal(bytes.toString('utf8', 5000, 5003), 'new')
    t.equal(bytes.toString('utf8', 60_000, 60_003), 'end')
    await keeper.does('m.close()')
  })

  await t.test('a new file that takes the place of another one before it is closed', async t => {
    await writeFile(library.on('doc.txt'), 'old')
    t.same(await library.sync(), nothing)
    const { id } = await library.there('doc.txt')
    const file = await open(library.on('doc.txt.new'), 'wx')
    try {
      await file.write('new')
      await rename(library.on('doc.txt.new'), library.on('doc.txt'))
      t.same(await library.sync(), nothing)
      t.match(await library.there('doc.txt'), { id, versions: 2 })
      t.equal(await there('doc.txt'), 'new')
    } finally {
      await file.close()
    }
  })

  // "open for writing by soffice.bin (1234) since 14:02"
  await t.test('what is being written says who has it open', async t => {
    const keeper = new Keeper(t)
    await keeper.does(`f = open(${JSON.stringify(library.on('recording.raw'))}, 'wb', 0); f.write(b'half')`)
    const report = await sandbox.cli('sync', '--wait')
    t.equal(report.status, 1)
    const sentence = new RegExp(`open for writing by .*\\(${keeper.pid ?? 0}\\) since \\d\\d:\\d\\d`)
    t.match(report.stdout, sentence, 'sync --wait')
    t.match((await sandbox.cli('status')).stdout, sentence, 'status')
    t.match((await sandbox.cli('status', library.on('recording.raw'))).stdout, sentence, 'status FILE')
    t.match(await library.sync(), { items: [{ openedBy: { pid: keeper.pid } }], total: 1 })
    await keeper.does('f.close()')
    t.same(await library.sync(), nothing)
    t.equal(await there('recording.raw'), 'half')
  })

  await t.test('a database with a log that programs keep open: what is sent is a database', async t => {
    const path = library.on('people.db')
    const keeper = new Keeper(t)
    await keeper.does(`import sqlite3; c = sqlite3.connect(${JSON.stringify(path)}, isolation_level=None)`)
    await keeper.does("c.execute('PRAGMA journal_mode=WAL'); c.execute('CREATE TABLE person (name)')")
    await keeper.does("[c.execute('INSERT INTO person VALUES (?)', (f'person {i}',)) for i in range(100)]")
    await keeper.does("c.execute('PRAGMA wal_checkpoint(FULL)')")
    await keeper.does("c.execute('INSERT INTO person VALUES (1)')")
    await library.sync()
    const scratch = await temporaryDirectory(t)
    await writeFile(`${scratch}/people.db`, await library.bytesThere('people.db'))
    const sql = (text: string) => run('sqlite3', `${scratch}/people.db`, text)
    t.equal((await sql('SELECT count(*) FROM person; PRAGMA integrity_check;')).trim(), '100\nok')
    const names = (await library.there('')).children ?? []
    t.notOk(
      names.some(name => name.startsWith('people.db-')),
      'not its log',
    )
    await keeper.does('c.close()')
    t.same(await library.sync(), nothing)
    await writeFile(`${scratch}/people.db`, await library.bytesThere('people.db'))
    t.equal((await sql('SELECT count(*) FROM person; PRAGMA integrity_check;')).trim(), '101\nok')
  })
})
