import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ForeignProgram, Trial } from './trial.js'

// Debian's own: another Python has no bindings.
const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('../../../scripts/foreign/keep-open.py', import.meta.url))
const DOCUMENT = 'plan.odt'
const LOCK = `.~lock.${DOCUMENT}#`
const LONGEST_STEP_MILLISECONDS = 90_000

/** LibreOffice with one document, which stays open. */
class OpenDocument {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(trial: Trial) {
    const pipe = `b2b-foreign-${process.pid}`
    // With a group of its own: soffice starts soffice.bin.
    this.#child = spawn(PYTHON, [SCRIPT, trial.on(DOCUMENT), trial.beside('profile'), pipe], {
      env: trial.environment,
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    })
    if (this.#child.stdout === null) throw new Error('no output')
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** @returns what it says next */
  async says(): Promise<string> {
    const timer = setTimeout(() => this.kill(), LONGEST_STEP_MILLISECONDS)
    try {
      const { value } = (await this.#lines.next()) as { value?: string }
      return value ?? 'ended'
    } finally {
      clearTimeout(timer)
    }
  }

  async store(line: string): Promise<string> {
    this.#child.stdin?.write(`${line}\n`)
    return await this.says()
  }

  async close(): Promise<number | null> {
    const gone = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await gone
    return this.#child.exitCode
  }

  kill(): void {
    const { pid, exitCode, signalCode } = this.#child
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
  }
}

async function textOf(trial: Trial, path: string): Promise<string> {
  return await trial.run('unzip', ['-p', path, 'content.xml'])
}

const libreOffice: ForeignProgram = {
  name: 'LibreOffice',
  needs: ['soffice', 'unzip', PYTHON, '/usr/lib/python3/dist-packages/uno.py'],
  work: async trial => {
    const document = new OpenDocument(trial)
    try {
      if ((await document.says()) !== 'ready') throw new Error('LibreOffice has not opened the document')
      await trial.settles('made', { here: [LOCK] })
      for (const line of ['one', 'two', 'three']) {
        trial.expect((await document.store(`I am line ${line}.`)) === 'stored', `${line} was not stored`)
        await trial.settles(`stored ${line}, and open`, { here: [LOCK], versions: { [DOCUMENT]: 1 } })
      }
      await someoneElseSaves(trial, document)
      trial.expect((await document.close()) === 0, 'LibreOffice did not end well')
    } finally {
      document.kill()
    }
    await trial.settles('closed')
  },
}

/** Somebody else saves the document meanwhile, and then it is stored here: both are kept. */
async function someoneElseSaves(trial: Trial, document: OpenDocument): Promise<void> {
  const theirs = 'Somebody else has written this.'
  await trial.replaceThere(DOCUMENT, theirs)
  const ours = 'I do not know of that.'
  let isStored = (await document.store(ours)) === 'stored'
  // What a person does then.
  if (!isStored) isStored = (await document.store(trial.on('ours.odt'))) === 'stored'
  trial.expect(isStored, 'what was written here could not be stored, not even under another name')
  const { total } = await trial.ground.sync()
  trial.expect(total === 0, 'not everything was sent')
  const texts = new Map<string, string>()
  for (const name of await readdir(trial.on())) {
    if (name === LOCK) continue
    const bytes = await trial.bytesThere(name)
    await writeFile(trial.beside('there'), bytes)
    texts.set(
      name,
      bytes.toString().startsWith('PK') ? await textOf(trial, trial.beside('there')) : bytes.toString(),
    )
  }
  trial.expect(
    [...texts.values()].some(text => text === theirs),
    'what somebody else has saved is gone',
  )
  trial.expect(
    [...texts.values()].some(text => text.includes(ours)),
    'what was stored here is gone',
  )
  trial.expect(texts.get(DOCUMENT) === theirs, 'theirs has lost the name')
}

export const OFFICE: readonly ForeignProgram[] = [libreOffice]
