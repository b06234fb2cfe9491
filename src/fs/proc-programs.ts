import { closeSync, openSync, readlinkSync, readSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../concurrency/clock.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { Program } from '../hydration/hydration-policy.js'

const REMEMBERED = 512
// A thumbnailer's script, its interpreter, the sandbox around it.
const ANCESTORS = 3
// Reading a command line waits for the memory map of that program, and that may be waiting for us.
const COMMAND_LINE_DEADLINE: Milliseconds = 100
// Their names say nothing: the script's does.
const INTERPRETER = /^(python|perl|ruby|node|gjs)[\d.]*$/
// A script's name is the kernel's name for it, unless it was given to its interpreter by hand, or is longer than that.
const SHELL = /^(sh|bash|dash|zsh)$/
// What comes with these options is a program's text, not its name (`bash -lc`, `perl -pe`, `node --eval`), and may hold a password.
// Where a letter means something else, the interpreter's own name will do.
const TEXT_OPTION: readonly (readonly [interpreter: RegExp, option: RegExp])[] = [
  [/^(python|gjs|sh|bash|dash|zsh)/, /^-[A-Za-z]*c/],
  [/^(perl|ruby)/, /^-[A-Za-z]*[eE]/],
  [/^node/, /^(-[a-z]*[ep]|--eval|--print)/],
]
const MODULE_OPTION = '-m'
const LONGEST_COMM: Bytes = 15
// Who opens thousands of files a second is looked up once for many of them.
const SURELY_THE_SAME: Milliseconds = 10
// There may be megabytes of them; those that matter come first.
const MOST_ARGUMENTS = 16

export interface ProcProgramsDeps {
  readonly clock: Clock
  /** Whether the arguments of a program of these names matter. */
  readonly needsArguments: (names: readonly string[]) => boolean
  /** `/proc`, elsewhere in tests. */
  readonly proc?: string
}

/** What `/proc/<pid>/stat` says. */
interface Stat {
  readonly comm: string
  readonly parent: number
  /** In clock ticks since the machine started. With the pid, names one process for ever. */
  readonly started: string
}

interface Seen {
  readonly program: Program
  /** Everything that was asked for could be had. */
  readonly isSure: boolean
}

/**
 * Tells by `/proc` which program a request comes from. Some 20 microseconds for one that was seen before.
 *
 * A process that has ended, or is of another pid namespace, is not told: an empty lineage.
 */
export class ProcPrograms {
  readonly #deps: ProcProgramsDeps
  readonly #proc: string
  /** What is looked for in these files is near their beginning. */
  readonly #buffer = Buffer.alloc(4096)
  /** By thread, its start, and its name, which changes with every exec. */
  readonly #known = new LRUCache<string, Promise<readonly Program[]>>({ max: REMEMBERED })
  /** Likewise by process: those that start others start many. */
  readonly #programs = new LRUCache<string, Promise<Seen>>({ max: REMEMBERED })
  #latest:
    | { readonly thread: number; readonly at: Milliseconds; readonly lineage: Promise<readonly Program[]> }
    | undefined

  constructor(deps: ProcProgramsDeps) {
    this.#deps = deps
    this.#proc = deps.proc ?? '/proc'
  }

  /**
   * The program, and who started it. Never rejects.
   * @param thread a thread id; 0 when it is not visible from here
   */
  lineageOf(thread: number): Promise<readonly Program[]> {
    if (thread === 0) return Promise.resolve([])
    const now = this.#deps.clock.now()
    if (this.#latest?.thread === thread && now - this.#latest.at < SURELY_THE_SAME)
      return this.#latest.lineage
    const lineage = this.#lookedUp(thread)
    this.#latest = { thread, at: now, lineage }
    return lineage
  }

  #lookedUp(thread: number): Promise<readonly Program[]> {
    const stat = this.#stat(thread)
    if (stat === undefined) return Promise.resolve([])
    const key = keyOf(thread, stat)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const lineage = this.#lineage(thread, stat, () => this.#known.delete(key))
    this.#known.set(key, lineage)
    return lineage
  }

  /** @param onUnsure something could not be had this time */
  async #lineage(thread: number, of: Stat, onUnsure: () => void): Promise<readonly Program[]> {
    const lineage: Program[] = []
    // The thread's own name may be "pool-3": its process is asked.
    for (let pid = this.#processOf(thread); pid > 1 && lineage.length <= ANCESTORS;) {
      const stat = pid === thread ? of : this.#stat(pid)
      if (stat === undefined) break
      const { program, isSure } = await this.#program(pid, stat)
      lineage.push(program)
      if (!isSure) onUnsure()
      pid = stat.parent
    }
    return lineage
  }

  async #program(pid: number, stat: Stat): Promise<Seen> {
    const key = keyOf(pid, stat)
    const known = this.#programs.get(key)
    if (known !== undefined) return await known
    const seen = this.#look(pid, stat.comm)
    this.#programs.set(key, seen)
    if (!(await seen).isSure) this.#programs.delete(key)
    return await seen
  }

  async #look(pid: number, comm: string): Promise<Seen> {
    const path = this.#executable(pid)
    const file = path === undefined ? undefined : basename(path)
    const isScript = file !== undefined && (INTERPRETER.test(file) || SHELL.test(file))
    const words = this.#isAsked(file, comm, isScript) ? await this.#commandLine(pid) : []
    const [called = comm, ...rest] = words ?? []
    const script = isScript ? (scriptIn(file, rest) ?? comm) : undefined
    const names = [script, file, called].flatMap(name => (name === undefined ? [] : [basename(name)]))
    const name = names[0] ?? comm
    const program = { name, path, names, comm, pid, arguments: rest.slice(0, MOST_ARGUMENTS) }
    return { program, isSure: words !== undefined }
  }

  /** Whether the command line says more than we know already. */
  #isAsked(file: string | undefined, comm: string, isScript: boolean): boolean {
    if (file === undefined) return true
    if (isScript) return INTERPRETER.test(comm) || Buffer.byteLength(comm) === LONGEST_COMM
    return this.#deps.needsArguments([file, comm])
  }

  #processOf(thread: number): number {
    const status = this.#read(`${thread}/status`)
    return Number(/^Tgid:\s*(\d+)$/m.exec(status ?? '')?.[1] ?? 0)
  }

  #stat(pid: number): Stat | undefined {
    const text = this.#read(`${pid}/stat`)
    if (text === undefined) return undefined
    // A name can hold anything, also ") ".
    const end = text.lastIndexOf(')')
    const fields = text.slice(end + 2).split(' ')
    return {
      comm: text.slice(text.indexOf('(') + 1, end),
      parent: Number(fields[1] ?? 0),
      started: fields[19] ?? '',
    }
  }

  #executable(pid: number): string | undefined {
    try {
      return readlinkSync(`${this.#proc}/${pid}/exe`).replace(/ \(deleted\)$/, '')
    } catch {
      return undefined // of another user, or gone
    }
  }

  /** These files need no lock of the program's: reading them takes microseconds, whatever it does. */
  #read(name: string): string | undefined {
    try {
      const fd = openSync(`${this.#proc}/${name}`, 'r')
      try {
        return this.#buffer.toString('utf8', 0, readSync(fd, this.#buffer))
      } finally {
        closeSync(fd)
      }
    } catch {
      return undefined
    }
  }

  /** @returns `undefined` when it could not be had this time */
  async #commandLine(pid: number): Promise<readonly string[] | undefined> {
    const ended = new AbortController()
    const late = this.#deps.clock.sleep(COMMAND_LINE_DEADLINE, ended.signal).then(() => '')
    late.catch(() => {}) // also when it was had
    try {
      const text = await Promise.race([readFile(`${this.#proc}/${pid}/cmdline`, 'utf8'), late])
      if (text === '') throw new Error('nothing came, or the program has ended')
      const [first = '', ...rest] = text.split('\0').filter(part => part !== '')
      // A program that renames itself, as KDE's do, puts everything into one text.
      return rest.length > 0 ? [first, ...rest] : first.split(' ')
    } catch {
      return undefined
    } finally {
      ended.abort()
    }
  }
}

/** The script, or Python's module, that an interpreter was given; `undefined`: none, or a text on its command line. */
function scriptIn(interpreter: string, words: readonly string[]): string | undefined {
  const text = TEXT_OPTION.find(([name]) => name.test(interpreter))?.[1]
  const at = words.findIndex(word => !word.startsWith('-') || word === MODULE_OPTION || text?.test(word))
  const word = words[at]
  if (word === undefined || text?.test(word)) return undefined
  return word === MODULE_OPTION ? words[at + 1] : word
}

function keyOf(pid: number, { started, comm }: Stat): string {
  return `${pid} ${started} ${comm}`
}
