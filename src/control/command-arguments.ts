import { Fault } from '../model/fault.js'
import { TRANSPORT_NAMES } from '../model/transport-name.js'
import { MOST_FOUND, type ArgumentsOf, type CommandName, type Nothing } from './protocol.js'

/** Checks what a client sent: a typo in a script that speaks to the socket must not become a bug in the daemon. */
export function parseArguments<Name extends CommandName>(command: Name, raw: unknown): ArgumentsOf<Name> {
  return PARSERS[command](new Fields(command, raw))
}

const nothing = (): Nothing => ({})

const PARSERS: { readonly [Name in CommandName]: (fields: Fields) => ArgumentsOf<Name> } = {
  'sign-in': fields => ({ deviceCode: fields.flag('deviceCode'), ...fields.optionalText('organization') }),
  'sign-out': nothing,
  whoami: nothing,
  add: fields => ({ address: fields.text('address') }),
  'link-host': fields => ({ address: fields.text('address') }),
  list: nothing,
  remove: fields => ({ library: fields.text('library'), anyway: fields.flag('anyway') }),
  deletions: fields => ({
    library: fields.text('library'),
    ...fields.optionalText('path'),
    decision: fields.choice('decision', ['accept', 'reject']),
  }),
  mount: fields => ({
    directory: fields.text('directory'),
    ...fields.optionalChoice('transport', TRANSPORT_NAMES),
  }),
  unmount: fields => fields.optionalText('directory'),
  status: nothing,
  'item-status': fields => ({ path: fields.text('path') }),
  find: fields => ({ words: fields.text('words'), limit: fields.count('limit', MOST_FOUND) }),
  hydrations: nothing,
  pin: fields => ({ path: fields.text('path') }),
  unpin: fields => ({ path: fields.text('path') }),
  'free-up': fields => ({ path: fields.text('path') }),
  sync: fields => ({ wait: fields.flag('wait') }),
  export: fields => ({ directory: fields.text('directory') }),
  thumbnail: fields => ({
    path: fields.text('path'),
    size: fields.number('size'),
    previews: fields.flag('previews'),
  }),
  'thumbnails-status': nothing,
  'thumbnails-clear': nothing,
  doctor: nothing,
  stop: nothing,
}

class Fields {
  readonly #command: string
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(command: string, raw: unknown) {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      throw new Fault('usage', `The arguments of "${command}" must be an object`)
    }
    this.#command = command
    this.#fields = raw as Record<string, unknown>
  }

  text(name: string): string {
    const value = this.#fields[name]
    if (typeof value === 'string' && value !== '') return value
    throw new Fault('usage', `"${this.#command}" needs "${name}", a text`)
  }

  optionalText<Name extends string>(name: Name): Partial<Record<Name, string>> {
    if (this.#fields[name] === undefined) return {}
    return { [name]: this.text(name) } as Partial<Record<Name, string>>
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const value = this.#fields[name]
    if (choices.includes(value as Choice)) return value as Choice
    throw new Fault('usage', `"${name}" of "${this.#command}" must be one of ${choices.join(', ')}`)
  }

  optionalChoice<Name extends string, Choice extends string>(
    name: Name,
    choices: readonly Choice[],
  ): Partial<Record<Name, Choice>> {
    const value = this.#fields[name]
    if (value === undefined) return {}
    if (choices.includes(value as Choice)) return { [name]: value } as Partial<Record<Name, Choice>>
    throw new Fault('usage', `"${name}" of "${this.#command}" must be one of ${choices.join(', ')}`)
  }

  /** A whole number from 1 to `most`. */
  count(name: string, most: number): number {
    const value = this.#fields[name]
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
    throw new Fault('usage', `"${this.#command}" needs "${name}", a whole number from 1 to ${most}`)
  }

  number(name: string): number {
    const value = this.#fields[name]
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw new Fault('usage', `"${this.#command}" needs "${name}", a number`)
  }

  flag(name: string): boolean {
    const value = this.#fields[name]
    if (typeof value === 'boolean') return value
    throw new Fault('usage', `"${this.#command}" needs "${name}", true or false`)
  }
}
