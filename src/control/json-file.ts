import { readFile } from 'node:fs/promises'
import { Fault } from '../model/fault.js'

/** What a key must hold: `expected` completes the sentence "must be …". */
export interface Rule<Value> {
  readonly expected: string
  readonly holds: (value: unknown) => value is Value
}

export type Rules<Shape> = { readonly [Key in keyof Shape]-?: Rule<NonNullable<Shape[Key]>> }

/** `undefined`: there is no such file. @throws {Fault} `configuration-invalid` */
export async function readJsonFile(file: string): Promise<unknown> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Fault('configuration-invalid', `${file} cannot be read (${code ?? 'unknown error'})`, {
      cause: failure,
      nextStep: 'Check that it is a file and that you may read it.',
    })
  }
  try {
    return JSON.parse(content)
  } catch (failure) {
    throw new Fault('configuration-invalid', `${file} is not valid JSON`, {
      cause: failure,
      nextStep: 'Correct it; docs/CLI.md shows an example.',
    })
  }
}

/**
 * Checks every key of `content`; an unknown one is an error, with the nearest known one as suggestion.
 *
 * @param file named in messages
 * @throws {Fault} `configuration-invalid`
 */
export function checkShape<Shape extends object>(
  content: unknown,
  file: string,
  rules: Rules<Shape>,
  required: readonly (keyof Shape & string)[],
): Shape {
  if (!isPlainObject(content)) {
    throw new Fault('configuration-invalid', `${file} must hold a JSON object`)
  }
  for (const [key, value] of Object.entries(content)) {
    const rule = Object.hasOwn(rules, key) ? rules[key as keyof Shape] : undefined
    if (rule === undefined) throw unknownKey(key, Object.keys(rules), file)
    if (!rule.holds(value)) {
      throw new Fault('configuration-invalid', `"${key}" in ${file} must be ${rule.expected}`)
    }
  }
  const missing = required.find(key => !Object.hasOwn(content, key))
  if (missing !== undefined) throw new Fault('configuration-invalid', `${file} lacks "${missing}"`)
  return content as Shape
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unknownKey(key: string, known: readonly string[], file: string): Fault {
  const near = nearest(key, known)
  return new Fault('configuration-invalid', `${file} has an unknown key, ${JSON.stringify(key)}`, {
    nextStep: near === undefined ? `Known keys: ${known.join(', ')}.` : `Did you mean "${near}"?`,
  })
}

function nearest(key: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map(candidate => ({ candidate, distance: editDistance(key.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance <= key.length / 2 ? best.candidate : undefined
}

/** Levenshtein's: insertions, deletions and replacements. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const current = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, replaced))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}

export function matching(expected: string, pattern: RegExp): Rule<string> {
  return { expected, holds: (value): value is string => typeof value === 'string' && pattern.test(value) }
}

export function oneOf<Value extends string>(...values: readonly Value[]): Rule<Value> {
  return {
    expected: `one of ${values.map(value => `"${value}"`).join(', ')}`,
    holds: (value): value is Value => values.includes(value as Value),
  }
}
