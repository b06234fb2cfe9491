import type { Check } from '../control/answers.js'
import { Fault } from '../model/fault.js'
import type { TransportName } from '../model/transport-name.js'
import type { Transport } from '../transport/transport.js'

/** Each makes its transport, or throws what keeps it from that. Called once, when it is needed. */
export type TransportLoaders = { readonly [Name in TransportName]: () => Transport }

export interface ChosenTransport {
  readonly name: TransportName
  readonly transport: Transport
}

type Loaded = { readonly transport: Transport } | { readonly failure: unknown }

const BUILD = 'Build the native addon with:  scripts/setup'

/** Which of the transports this machine has: our own where there is one, else the portable one. */
export class Transports {
  readonly #loaders: TransportLoaders
  readonly #loaded = new Map<TransportName, Loaded>()

  constructor(loaders: TransportLoaders) {
    this.#loaders = loaders
  }

  /** @param wanted absent: the best there is. @throws {Fault} `transport-missing` */
  choose(wanted?: TransportName): ChosenTransport {
    if (wanted !== undefined) return this.#take(wanted)
    const kernel = this.#load('kernel')
    if ('transport' in kernel) return { name: 'kernel', transport: kernel.transport }
    if ('transport' in this.#load('fuse-native')) return this.#take('fuse-native')
    throw new Fault(
      'transport-missing',
      'Neither the native addon nor the package fuse-native can be loaded',
      {
        nextStep: BUILD,
        cause: kernel.failure,
      },
    )
  }

  /** For `doctor`. */
  check(): Check {
    const name = 'Transport'
    const kernel = this.#load('kernel')
    if ('transport' in kernel) return { name, verdict: 'ok', found: 'kernel, by the native addon' }
    const why = `the native addon cannot be loaded (${reasonOf(kernel.failure)})`
    return 'transport' in this.#load('fuse-native')
      ? { name, verdict: 'warn', found: `fuse-native, which is slower: ${why}`, nextStep: BUILD }
      : { name, verdict: 'fail', found: `none: ${why}, and neither can fuse-native`, nextStep: BUILD }
  }

  #take(name: TransportName): ChosenTransport {
    const loaded = this.#load(name)
    if ('transport' in loaded) return { name, transport: loaded.transport }
    throw new Fault(
      'transport-missing',
      `The transport "${name}" cannot be loaded (${reasonOf(loaded.failure)})`,
      {
        nextStep: name === 'kernel' ? BUILD : 'Mount without --transport',
        cause: loaded.failure,
      },
    )
  }

  #load(name: TransportName): Loaded {
    const known = this.#loaded.get(name)
    if (known !== undefined) return known
    let loaded: Loaded
    try {
      loaded = { transport: this.#loaders[name]() }
    } catch (failure) {
      loaded = { failure }
    }
    this.#loaded.set(name, loaded)
    return loaded
  }
}

/** The first line: the others of MODULE_NOT_FOUND are a list of files. */
function reasonOf(failure: unknown): string {
  return (failure instanceof Error ? failure.message : String(failure)).split('\n')[0] ?? ''
}
