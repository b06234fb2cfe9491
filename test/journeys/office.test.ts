import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { run } from '../helpers/programs.js'
import { mountWritable } from '../helpers/writable-library.js'

const SCRIPT = fileURLToPath(new URL('../../../test/fixtures/edit-with-office.py', import.meta.url))
// Debian's own: another Python has no bindings.
const PYTHON = '/usr/bin/python3'
const SAVES = 20
const nothing = { items: [], total: 0, bytes: 0 }
const nothingDeleted = { items: [] }

const noBindings = !existsSync('/usr/lib/python3/dist-packages/uno.py') && 'not installed: python3-uno'
const skip = cannotMount || missingPrograms('soffice', 'unzip') || noBindings

/** LibreOffice, and somebody at it. */
class Writer {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(t: Test, path: string, scratch: string) {
    const args = [SCRIPT, path, join(scratch, 'profile'), `b2b${process.pid}`]
    // With a group of its own: soffice starts soffice.bin.
    const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    t.teardown(async () => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      process.kill(-child.pid, 'SIGKILL')
      await gone
    })
  }

  async says(what: string): Promise<void> {
    const { value } = (await this.#lines.next()) as { value?: string }
    if (value !== what) throw new Error(`LibreOffice: ${value ?? 'ended'} instead of ${what}`)
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  async quits(): Promise<number | null> {
    const gone = once(this.#child, 'exit')
    this.tell('')
    await gone
    return this.#child.exitCode
  }
}

t.test('LibreOffice edits a document of the other organization', { skip }, async t => {
  const library = await mountWritable(t)
  const { sandbox, driveId } = library
  const scratch = await temporaryDirectory(t)
  const name = 'Project plan.docx'
  const lock = `.~lock.${name}#`
  const shared = async () => (await library.there('')).children ?? []
  await readdir(library.path)
  const before = await library.there(name)
  const names = await shared()
  const writer = new Writer(t, library.on(name), scratch)
  await writer.says('ready')

  async function edit(line: string): Promise<void> {
    writer.tell(line)
    await writer.says('opened')
    t.ok((await readdir(library.path)).includes(lock), 'it is locked here')
    await library.sync()
    t.same(await shared(), names, 'nobody else sees that')
    writer.tell('')
    await writer.says('saved')
    t.same(await library.sync(), nothing)
    t.same(await shared(), names, 'nothing else has travelled')
  }

  async function textThere(): Promise<string> {
    await writeFile(join(scratch, 'there.docx'), await library.bytesThere(name))
    return await run('unzip', '-p', join(scratch, 'there.docx'), 'word/document.xml')
  }

  // SEMANTICS: "What a program has saved is sent, also while it keeps the file open."
  for (const rewritten of [[], ['docx']]) {
    const as = rewritten.length === 0 ? 'as they are' : 'which SharePoint rewrites'
    await t.test(`three stores within a minute, ${as}, without closing: each arrives`, async t => {
      await sandbox.admin('PUT', '/libraries', { drive: driveId, promotedEndings: rewritten })
      const { versions = 0 } = await library.there(name)
      for (let i = 1; i <= 3; i++) {
        const line = `I am stored line ${i}, ${as}.`
        writer.tell(`>${line}`)
        await writer.says('stored')
        // So many versions in a row do not go by themselves that soon.
        if (rewritten.length > 0) t.same(await library.sync(), nothing)
        await eventually(`store ${i} arrives`, async () => (await textThere()).includes(line))
        t.same(await shared(), names, 'no copy, no half-written file')
      }
      if (rewritten.length === 0) t.match(await library.there(name), { versions: versions + 3 })
      await edit('I am the line before it is closed.')
      t.match(await library.there(name), { id: before.id })
    })
  }

  await t.test(`${SAVES} times: one item, ${SAVES} versions`, async t => {
    const { versions = 0 } = await library.there(name)
    await sandbox.admin('PUT', '/libraries', { drive: driveId, promotedEndings: [] })
    for (let i = 1; i <= SAVES; i++) {
      await edit(`I am line ${i}.`)
      t.match(await library.there(name), { id: before.id, versions: versions + i })
    }
  })

  await t.test('where SharePoint rewrites each of them', async t => {
    await sandbox.admin('PUT', '/libraries', { drive: driveId, promotedEndings: ['docx'] })
    for (let i = 1; i <= 3; i++) await edit(`I am rewritten line ${i}.`)
    t.match(await library.there(name), { id: before.id })
  })

  t.equal(await writer.quits(), 0)
  const text = await run('unzip', '-p', library.on(name), 'word/document.xml')
  for (let i = 1; i <= SAVES; i++) t.ok(text.includes(`I am line ${i}.`), `line ${i}`)
  for (let i = 1; i <= 3; i++) t.ok(text.includes(`I am rewritten line ${i}.`), `rewritten line ${i}`)
  t.notOk((await readdir(library.path)).includes(lock))
  t.same(
    await sandbox.admin('GET', `/recycle-bin?drive=${driveId}`),
    nothingDeleted,
    'and nothing was taken back',
  )
})
