import { createHash } from 'node:crypto'
import { execFile, spawn } from 'node:child_process'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { Ground, ItemThere } from './ground.js'

const LONGEST_RUN_MILLISECONDS = 180_000
const MOST_OUTPUT_BYTES = 64 << 20
const MOST_PROBLEMS = 20

/** What a program does on the drive. */
export interface ForeignProgram {
  /** As a person calls it; also the name of its folder. */
  readonly name: string
  /** Commands, or absolute paths of files, that have to be there. */
  readonly needs: readonly string[]
  /** Only root can run it as it is meant to be. */
  readonly isForRoot?: true
  readonly work: (trial: Trial, length: Length) => Promise<void>
}

/** `short`: for every run of the tests. */
export type Length = 'short' | 'long'

export interface Outcome {
  readonly program: string
  readonly seconds: number
  /** Why it was not tried. */
  readonly skipped?: string
  /** Empty: everything is as it should be. */
  readonly problems: readonly string[]
}

/** What a step is to have changed, besides bytes. */
export interface Expected {
  /** By path: how many versions more there are at the other organization than before. Of others this is not looked at. */
  readonly versions?: Readonly<Record<string, number>>
  /** What stays on this machine. */
  readonly here?: readonly string[]
  /** What goes to the recycle bin. */
  readonly deleted?: readonly string[]
}

/** @throws never */
export async function tryProgram(ground: Ground, program: ForeignProgram, length: Length): Promise<Outcome> {
  const begin = performance.now()
  const done = (more: Pick<Outcome, 'problems' | 'skipped'>): Outcome => ({
    program: program.name,
    seconds: (performance.now() - begin) / 1000,
    ...more,
  })
  const missing = missingFor(program)
  if (missing !== false) return done({ problems: [], skipped: missing })
  const trial = new Trial(ground, program.name, await mkdtemp(join(tmpdir(), 'b2b-foreign-')))
  try {
    await trial.prepare()
    await program.work(trial, length)
    await trial.finish()
  } catch (failure) {
    trial.note(failure instanceof Error ? failure.message : String(failure))
  } finally {
    await promisify(execFile)('chmod', ['-R', 'u+w', trial.scratch])
    await rm(trial.scratch, { recursive: true, force: true })
  }
  return done({ problems: trial.problems.slice(0, MOST_PROBLEMS) })
}

/** Why it cannot be tried, or `false`. */
export function missingFor({ needs, isForRoot }: ForeignProgram): string | false {
  const missing = needs.filter(need => !isInstalled(need))
  if (isForRoot === true && process.getuid?.() !== 0) return 'only root can run it'
  return missing.length > 0 && `not installed: ${missing.join(', ')}`
}

function isInstalled(need: string): boolean {
  if (need.startsWith('/')) return existsSync(need)
  return searchPath().some(folder => existsSync(join(folder, need)))
}

/** Ordinary users may not have /usr/sbin in theirs. */
function searchPath(): readonly string[] {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
}

/** One program in a folder of its own, and what is compared after each step. */
export class Trial {
  readonly ground: Ground
  /** On this machine's disk; removed afterwards. */
  readonly scratch: string
  readonly problems: string[] = []
  readonly #folder: string
  readonly #known = new Map<string, ItemThere>()
  #deleted = new Set<string>()

  constructor(ground: Ground, name: string, scratch: string) {
    this.ground = ground
    this.scratch = scratch
    this.#folder = name
  }

  /** On the drive. */
  on(...path: string[]): string {
    return join(this.ground.path, this.#folder, ...path)
  }

  /** On this machine's disk. */
  beside(...path: string[]): string {
    return join(this.scratch, ...path)
  }

  bytesThere(name: string): Promise<Buffer> {
    return this.ground.bytesThere(`${this.#folder}/${name}`)
  }

  /** Somebody else gives the file another content. */
  async replaceThere(name: string, text: string): Promise<void> {
    await this.ground.replaceThere(`${this.#folder}/${name}`, text)
  }

  note(problem: string): void {
    this.problems.push(problem)
  }

  expect(isRight: boolean, problem: string): void {
    if (!isRight) this.note(problem)
  }

  async prepare(): Promise<void> {
    for (const directory of [this.on(), this.beside('home'), this.beside('tmp')]) await mkdir(directory)
    this.#deleted = new Set(await this.ground.deletedThere())
  }

  /** Writes files that the other organization has then, too. */
  async begin(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
    for (const [name, bytes] of Object.entries(files)) await writeFile(this.on(name), bytes)
    await this.settles('at the beginning')
  }

  /** @returns what it printed @throws with what it printed when it fails */
  async run(program: string, args: readonly string[], more: RunOptions = {}): Promise<string> {
    const { input, within = this.on(), env = {}, mayFail = false } = more
    const running = promisify(execFile)(program, args, {
      cwd: within,
      env: { ...this.environment, ...env },
      timeout: LONGEST_RUN_MILLISECONDS,
      killSignal: 'SIGKILL',
      maxBuffer: MOST_OUTPUT_BYTES,
    })
    running.child.stdin?.end(input)
    try {
      return (await running).stdout
    } catch (failure) {
      const { stdout, stderr } = failure as { stdout?: string; stderr?: string }
      if (mayFail) return stdout ?? ''
      throw new Error(
        `${program} ${args.join(' ')}: ${(failure as Error).message} ${stdout ?? ''}${stderr ?? ''}`.slice(
          0,
          1_500,
        ),
      )
    }
  }

  /** A program at a terminal: types `keys` when it shows `ready`. */
  async type(command: string, ready: string, keys: string): Promise<void> {
    const child = spawn('script', ['-qefc', command, '/dev/null'], {
      cwd: this.on(),
      env: { ...this.environment, TERM: 'xterm' },
      timeout: LONGEST_RUN_MILLISECONDS,
      killSignal: 'SIGKILL',
    })
    let shown = ''
    let hasTyped = false
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString()
      if (hasTyped || !shown.includes(ready)) return
      hasTyped = true
      child.stdin.write(keys)
    })
    const status = await new Promise(resolve => child.once('close', resolve))
    if (status !== 0)
      throw new Error(`${command}: ended with ${String(status)} after ${JSON.stringify(shown.slice(-300))}`)
  }

  get environment(): NodeJS.ProcessEnv {
    return {
      PATH: searchPath().join(delimiter),
      HOME: this.beside('home'),
      // Emacs and vim make no backups of what is in here.
      TMPDIR: this.beside('tmp'),
      LANG: 'C.UTF-8',
      TZ: 'UTC',
    }
  }

  /** Everything is sent; then both sides have the same names and bytes, and every name the item that it had before. */
  async settles(step: string, { versions = {}, here = [], deleted = [] }: Expected = {}): Promise<void> {
    const { items, total } = await this.ground.sync()
    this.expect(total === 0, `${step}: not sent: ${JSON.stringify(items)}`)
    const files = await this.#filesHere()
    const there = await this.#filesThere('')
    const namesHere = [...files].filter(name => !here.includes(name)).sort()
    const namesThere = [...there.keys()].sort()
    for (const name of namesHere)
      if (!there.has(name)) this.note(`${step}: ${name} is not at the other organization`)
    for (const name of namesThere)
      if (!namesHere.includes(name)) this.note(`${step}: ${name} is at the other organization only`)
    for (const name of namesHere) await this.#compareBytes(step, name, there.has(name))
    for (const [name, item] of there) this.#compareItem(step, name, item, versions[name])
    for (const name of [...this.#known.keys()]) if (!there.has(name)) this.#known.delete(name)
    await this.#compareDeleted(step, deleted)
  }

  /** After everything is online-only, too, all bytes are what they were. */
  async finish(): Promise<void> {
    const before = new Map<string, string>()
    for (const name of await this.#filesHere()) before.set(name, await sha256Of(this.on(name)))
    await this.ground.freeUp(this.on())
    for (const [name, sum] of before) {
      this.expect(
        (await sha256Of(this.on(name))) === sum,
        `${name} has other bytes when it is downloaded again`,
      )
    }
  }

  async #compareBytes(step: string, name: string, isThere: boolean): Promise<void> {
    if (!isThere) return
    const [ours, theirs] = [
      await sha256Of(this.on(name)),
      await this.ground.sha256There(`${this.#folder}/${name}`),
    ]
    this.expect(ours === theirs, `${step}: ${name} has other bytes at the other organization`)
  }

  #compareItem(step: string, name: string, item: ItemThere, more: number | undefined): void {
    const before = this.#known.get(name)
    this.#known.set(name, item)
    if (before === undefined) {
      this.expect(more === undefined, `${step}: ${name} is new`)
      return
    }
    this.expect(before.id === item.id, `${step}: ${name} is another item than before`)
    const found = (item.versions ?? 0) - (before.versions ?? 0)
    this.expect(
      more === undefined || found === more,
      `${step}: ${name} has ${found} versions more, not ${more ?? ''}`,
    )
  }

  async #compareDeleted(step: string, expected: readonly string[]): Promise<void> {
    for (const path of await this.ground.deletedThere()) {
      if (this.#deleted.has(path)) continue
      this.#deleted.add(path)
      const name = relative(this.#folder, path)
      this.expect(
        expected.includes(name) || expected.includes('*'),
        `${step}: ${name} went to the recycle bin`,
      )
    }
  }

  async #filesHere(): Promise<readonly string[]> {
    const entries = await readdir(this.on(), { recursive: true, withFileTypes: true })
    return entries
      .filter(entry => entry.isFile())
      .map(entry => relative(this.on(), join(entry.parentPath, entry.name)))
  }

  async #filesThere(folder: string): Promise<Map<string, ItemThere>> {
    const files = new Map<string, ItemThere>()
    const { children = [] } = await this.ground.there(join(this.#folder, folder))
    for (const child of children) {
      const path = join(folder, child)
      const item = await this.ground.there(join(this.#folder, path))
      if (item.kind === 'file') files.set(path, item)
      else for (const [below, found] of await this.#filesThere(path)) files.set(below, found)
    }
    return files
  }
}

interface RunOptions {
  readonly input?: string
  readonly within?: string
  readonly env?: NodeJS.ProcessEnv
  readonly mayFail?: boolean
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
