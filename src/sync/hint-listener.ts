import type { Clock } from '../concurrency/clock.js'
import { waitAfter, type Pace } from '../model/attempts.js'
import { isFault } from '../model/fault.js'
import type { ItemKey, Milliseconds } from '../model/ids.js'
import type { RemoteHints } from '../model/remote.js'

const SECOND: Milliseconds = 1_000
const SHORTEST: Milliseconds = 30 * SECOND
const RETRY: Pace = { first: 10 * SECOND, longest: 60 * 60 * SECOND }
// Where an organization does not tell guests, it will not do so soon.
const REFUSED: Milliseconds = 6 * 60 * 60 * SECOND

export interface HintListenerDeps {
  readonly hints: RemoteHints
  readonly clock: Clock
  readonly onHint: () => void
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** Listens to the service's hints for one library, again and again. */
export class HintListener {
  readonly #deps: HintListenerDeps
  #isListening = false

  constructor(deps: HintListenerDeps) {
    this.#deps = deps
  }

  /** Whether a change would be told to us now. */
  get isListening(): boolean {
    return this.#isListening
  }

  /** Until `signal` aborts. Never rejects. */
  async run(root: ItemKey, signal: AbortSignal): Promise<void> {
    const { hints, clock, onHint, onTrouble } = this.#deps
    let failures = 0
    while (!signal.aborted) {
      let delay: Milliseconds = 0
      const began = clock.now()
      try {
        const onListening = () => {
          this.#isListening = true
          // What has changed before is not told.
          onHint()
        }
        await hints.listen(root, onListening, onHint, signal)
        // A promise that is over as soon as it is given is none.
        failures = clock.now() - began < SHORTEST ? failures + 1 : 0
        if (failures > 0) delay = waitAfter(RETRY, failures)
      } catch (failure) {
        if (signal.aborted) return
        onTrouble('no-hints', failure)
        failures = clock.now() - began < SHORTEST ? failures + 1 : 1
        const isRefused = isFault(failure, 'not-supported', 'access-denied', 'item-not-found')
        delay = isRefused ? REFUSED : waitAfter(RETRY, failures)
      } finally {
        // Whoever relied on being told has to ask again.
        const wasListening = this.#isListening
        this.#isListening = false
        if (wasListening) onHint()
      }
      if (delay > 0) await clock.sleep(delay, signal).catch(() => {})
    }
  }
}
