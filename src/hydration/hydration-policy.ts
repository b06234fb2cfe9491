import { DEFAULT_RULES } from './default-hydration-rules.js'

/**
 * What a program may cause.
 *
 *   full        whatever it reads is downloaded
 *   head-only   the first 64 KiB of a file are, which is what tells its type; the rest it reads where that is local
 *   local-only  nothing is: it opens what is local as a whole
 *   deny        it opens nothing
 */
export type Verdict = 'full' | 'head-only' | 'local-only' | 'deny'

/** A running program, as far as can be told. Whatever it says of itself may be a lie: this saves traffic, not secrets. */
export interface Program {
  /** What a person would call it. */
  readonly name: string
  /** Absolute path of what runs; `undefined` where we may not see it. */
  readonly path: string | undefined
  /** Every name it goes by: of its file, of its script, as it was called. */
  readonly names: readonly string[]
  /** As the kernel calls it: at most 15 bytes. */
  readonly comm: string
  /** Of its command line, without its name; only where that matters. */
  readonly arguments: readonly string[]
  /** Process id, where it is known. */
  readonly pid?: number
}

export interface HydrationRule {
  readonly verdict: Verdict
  /** Names, or absolute paths, of programs; `*` stands for any characters. */
  readonly programs: readonly string[]
  /** One of its arguments has to end with this. */
  readonly argument?: string
  /** It looks at the heads of files to tell what they are, and means the rest only if it reads on. */
  readonly sniffs?: true
  /** Holds also for what the program starts, whatever other rules say of that. */
  readonly isBinding?: true
}

export interface Permission {
  readonly verdict: Verdict
  readonly sniffs: boolean
}

const SERVED: Permission = { verdict: 'full', sniffs: false }
// TASK_COMM_LEN without its NUL.
const LONGEST_COMM = 15

/**
 * Who may hydrate. Pure.
 *
 * The first rule that fits decides: the caller's own ones come before the defaults. A program that no rule knows may do
 * as little as the nearest of its ancestors that a rule holds back: a thumbnailer that starts `convert` is still one.
 */
export class HydrationPolicy {
  readonly #rules: readonly Compiled[]
  /** By the lineage itself: of a program that opens one file after the other it is the same object. */
  readonly #decided = new WeakMap<readonly Program[], Permission>()

  constructor(rules: readonly HydrationRule[] = []) {
    this.#rules = [...rules, ...DEFAULT_RULES].map(compile)
  }

  /** @param lineage the program, then who started it, and so on; empty when nothing is known */
  permissionOf(lineage: readonly Program[]): Permission {
    const known = this.#decided.get(lineage)
    if (known !== undefined) return known
    const permission = this.#decide(lineage)
    this.#decided.set(lineage, permission)
    return permission
  }

  #decide(lineage: readonly Program[]): Permission {
    const permission = this.#firstThatFits(lineage)
    const binding = this.#rules.find(({ rule, fits }) => rule.isBinding === true && lineage.some(fits))?.rule
    if (binding === undefined || permission.verdict === 'deny') return permission
    return { verdict: binding.verdict, sniffs: false }
  }

  #firstThatFits(lineage: readonly Program[]): Permission {
    for (const [generation, program] of lineage.entries()) {
      const rule = this.#rules.find(({ fits }) => fits(program))?.rule
      if (rule === undefined) continue
      if (generation === 0) return { verdict: rule.verdict, sniffs: rule.sniffs === true }
      // What a file manager starts is no file manager.
      return rule.verdict === 'full' ? SERVED : { verdict: rule.verdict, sniffs: false }
    }
    return SERVED
  }

  /** Whether a rule has to see the arguments of a program of these names. */
  needsArguments(names: readonly string[]): boolean {
    return this.#rules.some(({ rule, isNamed }) => rule.argument !== undefined && names.some(isNamed))
  }
}

interface Compiled {
  readonly rule: HydrationRule
  readonly isNamed: (name: string) => boolean
  readonly fits: (program: Program) => boolean
}

function compile(rule: HydrationRule): Compiled {
  const paths = rule.programs.filter(isPath).map(patternOf)
  const names = rule.programs.filter(pattern => !isPath(pattern))
  const patterns = names.map(patternOf)
  const shortened = new Set(names.filter(name => !name.includes('*')).map(shorten))
  const isNamed = (name: string) => patterns.some(pattern => pattern.test(name))
  const isCalled = ({ path, names, comm }: Program) =>
    names.some(isNamed) ||
    isNamed(comm) ||
    (Buffer.byteLength(comm) === LONGEST_COMM && shortened.has(comm)) ||
    (path !== undefined && paths.some(pattern => pattern.test(path)))
  const { argument } = rule
  const fits = (program: Program) =>
    isCalled(program) && (argument === undefined || program.arguments.some(given => given.endsWith(argument)))
  return { rule, isNamed, fits }
}

function isPath(pattern: string): boolean {
  return pattern.startsWith('/')
}

function patternOf(text: string): RegExp {
  const escaped = text.split('*').map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`, 's')
}

function shorten(name: string): string {
  return Buffer.from(name).subarray(0, LONGEST_COMM).toString()
}
