import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { DaemonStatus, UnsentReport } from '../../src/control/answers.js'
import type { Milliseconds } from '../../src/model/ids.js'
import { openSandbox, type Sandbox } from '../sandbox.js'
import { Random } from './random.js'
import type { Action, Line, Model } from './writer.js'

const WRITER = fileURLToPath(new URL('writer.js', import.meta.url))
const FOLDER = 'crash test'
// Some rounds end before anything is sent, some in the middle of it.
const SHORTEST_ROUND_MILLISECONDS = 100
const LONGEST_ROUND_MILLISECONDS = 4_000

export interface CrashTestOptions {
  readonly rounds: number
  readonly seed: number
  /** Of the program's work before each crash. */
  readonly longestRound?: Milliseconds
  /** What was not synced is lost, too. @see PowerCut */
  readonly powerCut?: PowerCut
  readonly onRound?: (round: number, report: RoundReport) => void
}

/** Makes the sandbox's daemon one whose unsynced writes can be taken back. */
export interface PowerCut {
  prepare(sandbox: Sandbox): Promise<void>
  /** After the kill. */
  cut(sandbox: Sandbox): Promise<void>
}

export interface RoundReport {
  readonly actions: number
  readonly files: number
}

export interface CrashTestReport {
  readonly rounds: number
  readonly actions: number
  readonly files: number
}

interface Known {
  /** Of the bytes. */
  hash: string
  /**
   * How often it was written, with what it has replaced: it cannot have more contents over there. Versions it can, where
   * only the time differs: of empty files, and where a crash has left an upload session that holds the name.
   */
  writes: number
}

/**
 * Kills the daemon at random moments while a program works on the drive, and compares after each restart what is there with
 * what the program had been promised; at the end, what has arrived at the other organization.
 * @throws {Error} that says what was lost, and by which seed it can be done again
 */
export async function crashTest(options: CrashTestOptions): Promise<CrashTestReport> {
  const sandbox = await openSandbox()
  try {
    await options.powerCut?.prepare(sandbox)
    return await new CrashTest(sandbox, options).run()
  } catch (failure) {
    throw new Error(`seed ${options.seed}: ${(failure as Error).message}`, { cause: failure })
  } finally {
    await sandbox.close()
  }
}

class CrashTest {
  readonly #sandbox: Sandbox
  readonly #options: CrashTestOptions
  readonly #random: Random
  readonly #drive: string
  readonly #files = new Map<string, Known>()
  readonly #folders = new Set<string>()
  /** How often what is gone had been written. */
  readonly #gone = new Map<string, number>()
  #folder = ''
  #driveId = ''

  constructor(sandbox: Sandbox, options: CrashTestOptions) {
    this.#sandbox = sandbox
    this.#options = options
    this.#random = new Random(options.seed)
    this.#drive = join(sandbox.home, 'B2B')
  }

  async run(): Promise<CrashTestReport> {
    const sandbox = this.#sandbox
    await sandbox.json('sign-in')
    const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
    const { library } = await sandbox.json<{
      library: { organization: string; name: string; root: { drive: string } }
    }>('add', addresses['contoso media'] ?? 'no such library')
    this.#driveId = library.root.drive
    this.#folder = join(this.#drive, library.organization, library.name, FOLDER)
    await mkdir(this.#drive)
    await sandbox.json('mount', this.#drive)
    await mkdir(this.#folder)
    let actions = 0
    for (let round = 1; round <= this.#options.rounds; round++) {
      const done = await this.#round()
      actions += done
      this.#options.onRound?.(round, { actions: done, files: this.#files.size })
    }
    await this.#compareThere()
    return { rounds: this.#options.rounds, actions, files: this.#files.size }
  }

  async #round(): Promise<number> {
    const modelFile = join(this.#sandbox.home, 'model.json')
    const model: Model = { files: [...this.#files.keys()], folders: [...this.#folders] }
    await writeFile(modelFile, JSON.stringify(model))
    const { pid } = await this.#sandbox.json<DaemonStatus>('status')
    const { powerCut } = this.#options
    const seed = String(this.#random.below(2 ** 31))
    const writer = spawn(
      process.execPath,
      [WRITER, this.#folder, seed, modelFile, ...(powerCut ? ['--sync'] : [])],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const { longestRound = LONGEST_ROUND_MILLISECONDS } = this.#options
    const time = SHORTEST_ROUND_MILLISECONDS + this.#random.below(longestRound - SHORTEST_ROUND_MILLISECONDS)
    const killing = setTimeout(time).then(() => process.kill(pid, 'SIGKILL'))
    let underWay: Action | undefined
    let actions = 0
    for await (const text of createInterface({ input: writer.stdout })) {
      const line = JSON.parse(text) as Line
      if ('begin' in line) underWay = line.begin
      else {
        underWay = undefined
        actions++
        this.#did(line.done, line.hash)
      }
    }
    await killing
    if (actions === 0 && underWay === undefined) throw new Error('the program could not work at all')
    await powerCut?.cut(this.#sandbox)
    await this.#sandbox.json('mount', this.#drive)
    await this.#compareHere(underWay)
    return actions
  }

  #did(action: Action, hash = ''): void {
    switch (action.kind) {
      case 'mkdir':
        this.#folders.add(action.path)
        return
      case 'remove':
        this.#forget(action.path)
        return
      case 'write': {
        const before = this.#files.get(action.path)?.writes ?? this.#gone.get(action.path) ?? 0
        this.#files.set(action.path, { hash, writes: before + 1 })
        return
      }
      case 'rename': {
        const moved = this.#files.get(action.path)
        if (moved === undefined) throw new Error(`${action.path} was moved, and never written`)
        const replaced = this.#files.get(action.to)?.writes ?? this.#gone.get(action.to) ?? 0
        this.#forget(action.path)
        this.#files.set(action.to, { hash: moved.hash, writes: moved.writes + replaced })
      }
    }
  }

  #forget(path: string): void {
    this.#gone.set(path, this.#files.get(path)?.writes ?? 0)
    this.#files.delete(path)
  }

  /** @param underWay nobody has been promised anything of it: whatever came of it is taken over */
  async #compareHere(underWay: Action | undefined): Promise<void> {
    const found = new Map<string, string>()
    const folders = new Set<string>()
    for (const entry of await readdir(this.#folder, { recursive: true, withFileTypes: true })) {
      const path = join(relative(this.#folder, entry.parentPath), entry.name)
      if (entry.isDirectory()) folders.add(path)
      else found.set(path, sha256(await readFile(join(this.#folder, path))))
    }
    if (underWay !== undefined) this.#settle(underWay, found, folders)
    const problems = [
      ...[...this.#files].flatMap(([path, { hash }]) => {
        const there = found.get(path)
        if (there === hash) return []
        return [there === undefined ? `${path} is lost` : `${path} has other bytes`]
      }),
      ...[...found.keys()].filter(path => !this.#files.has(path)).map(path => `${path} is there again`),
      ...[...this.#folders].filter(path => !folders.has(path)).map(path => `the folder ${path} is lost`),
    ]
    if (problems.length > 0) {
      throw new Error(`after a crash ${problems.join(', ')} (under way: ${JSON.stringify(underWay)})`)
    }
  }

  #settle(action: Action, found: ReadonlyMap<string, string>, folders: ReadonlySet<string>): void {
    const hash = found.get(action.path)
    switch (action.kind) {
      case 'mkdir':
        if (folders.has(action.path)) this.#did(action)
        return
      case 'remove':
        if (hash === undefined) this.#did(action)
        return
      case 'write':
        if (hash !== undefined) this.#did(action, hash)
        else if (this.#files.has(action.path)) throw new Error(`${action.path} is lost`)
        return
      case 'rename':
        if (hash === undefined) this.#did(action)
    }
  }

  async #compareThere(): Promise<void> {
    const left = await this.#sandbox.json<UnsentReport>('sync', '--wait')
    if (left.total > 0) throw new Error(`not everything was sent: ${JSON.stringify(left.items[0])}`)
    const found = new Set<string>()
    await this.#walkThere('', found)
    const problems = [...this.#files.keys(), ...this.#folders]
      .filter(path => !found.has(path))
      .map(path => `${path} has not arrived`)
    const surplus = [...found].filter(path => !this.#files.has(path) && !this.#folders.has(path))
    problems.push(...surplus.map(path => `${path} has arrived and is not ours`))
    for (const [path, { hash, writes }] of this.#files) {
      const [{ sha256: there }, { contents }] = await Promise.all([
        this.#ask<{ sha256: string }>('sha256', path),
        this.#ask<{ contents: number }>('item', path),
      ])
      if (there !== hash) problems.push(`${path} has arrived with other bytes`)
      if (contents > writes) problems.push(`${path} was written ${writes} times and has ${contents} contents`)
    }
    if (problems.length > 0) throw new Error(`at the other organization ${problems.join(', ')}`)
  }

  async #walkThere(folder: string, found: Set<string>): Promise<void> {
    const { children = [] } = await this.#ask<{ children?: readonly string[] }>('item', folder)
    for (const name of children) {
      const path = join(folder, name)
      found.add(path)
      await this.#walkThere(path, found)
    }
  }

  #ask<Answer>(what: string, path: string): Promise<Answer> {
    const query = new URLSearchParams({ drive: this.#driveId, path: join(FOLDER, path) })
    return this.#sandbox.admin('GET', `/${what}?${query.toString()}`)
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
