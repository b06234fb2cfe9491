import { fileURLToPath } from 'node:url'
import type { Check, ReadOnlyDrive } from '../control/answers.js'
import { shellQuote } from '../control/shell-quote.js'
import { Fault } from '../model/fault.js'
import type { TransportName } from '../model/transport-name.js'
import type { Transport } from '../transport/transport.js'

/** Each makes its transport, or throws what keeps it from that. Called once, when it is needed. */
export type TransportLoaders = { readonly [Name in TransportName]: () => Transport }

export interface ChosenTransport {
  readonly name: TransportName
  readonly transport: Transport
  /** What is mounted by it cannot be written. */
  readonly readOnly?: ReadOnlyDrive
}

type Loaded = { readonly transport: Transport } | { readonly failure: unknown }

// From dist/src/daemon, where this file runs.
const SETUP = shellQuote(fileURLToPath(new URL('../../../scripts/setup', import.meta.url)))
const BUILD = `Build the native addon with:  ${SETUP} --run-only`
const MOUNT_AGAIN = 'b2bmount stop && b2bmount mount'

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
    if ('transport' in kernel) return this.#take('kernel')
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

  /** For `doctor`. @param mounted by which the drive is mounted now */
  check(mounted?: TransportName): Check {
    const name = 'Transport'
    const kernel = this.#load('kernel')
    if ('transport' in kernel) {
      if (mounted !== 'fuse-native') return { name, verdict: 'ok', found: 'kernel, by the native addon' }
      const { why, nextStep } = this.#readOnly()
      return { name, verdict: 'warn', found: `the drive is read-only, because ${why}`, nextStep }
    }
    const why = unloadable(kernel.failure)
    return 'transport' in this.#load('fuse-native')
      ? {
          name,
          verdict: 'warn',
          found: `fuse-native, which is slower, and drives are read-only, because ${why}`,
          nextStep: this.#readOnly().nextStep,
        }
      : { name, verdict: 'fail', found: `none: ${why}, and neither can fuse-native`, nextStep: BUILD }
  }

  /** Why a drive that is mounted by fuse-native is read-only, and how it is not. */
  #readOnly(): ReadOnlyDrive {
    const kernel = this.#load('kernel')
    return 'transport' in kernel
      ? {
          why: 'it is mounted by fuse-native, as was asked for',
          nextStep: `To write, mount it without --transport:  ${MOUNT_AGAIN}`,
        }
      : { why: unloadable(kernel.failure), nextStep: `${BUILD}  and mount again:  ${MOUNT_AGAIN}` }
  }

  #take(name: TransportName): ChosenTransport {
    const loaded = this.#load(name)
    if ('transport' in loaded) {
      const { transport } = loaded
      return name === 'kernel' ? { name, transport } : { name, transport, readOnly: this.#readOnly() }
    }
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

function unloadable(failure: unknown): string {
  return `the native addon cannot be loaded (${reasonOf(failure)})`
}

/** The first line: the others of MODULE_NOT_FOUND are a list of files. */
function reasonOf(failure: unknown): string {
  return (failure instanceof Error ? failure.message : String(failure)).split('\n')[0] ?? ''
}
