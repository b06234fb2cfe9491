import type { Bytes } from './ids.js'

/**
 * How much of one version of a file is here.
 *
 *   placeholder --bytes--> partial --last bytes--> complete --verify--> full
 *        |                    |                     |    |               |
 *        +------supersede-----+----> superseded <---+    +--refute--+    |
 *                                        ^                          v    |
 *                                        |                      refuted  |
 *                                        +-------------------------------+
 *
 * `complete`: every byte is in the cache file, the hash has not been compared yet; the last bytes are withheld.
 * `refuted`: they are not the bytes that the service described. `superseded`: the other side has another version by
 * now; what is local stays readable for who has it open, the rest never comes.
 *
 * INVARIANT: nothing leaves `refuted` and `superseded`.
 */
export type ContentState = 'placeholder' | 'partial' | 'complete' | 'full' | 'refuted' | 'superseded'

export type ContentEvent = 'bytes' | 'last bytes' | 'verify' | 'refute' | 'supersede'

const MOVES: Readonly<Record<ContentState, Partial<Readonly<Record<ContentEvent, ContentState>>>>> = {
  placeholder: { bytes: 'partial', 'last bytes': 'complete', supersede: 'superseded' },
  partial: { bytes: 'partial', 'last bytes': 'complete', supersede: 'superseded' },
  complete: { verify: 'full', refute: 'refuted', supersede: 'superseded' },
  full: { supersede: 'superseded' },
  refuted: { supersede: 'refuted', bytes: 'refuted' },
  // Bytes of a download that was running.
  superseded: { bytes: 'superseded', 'last bytes': 'superseded', supersede: 'superseded' },
}

/** Pure. Throws `RangeError` on a move that the diagram does not have. */
export function nextContentState(state: ContentState, event: ContentEvent): ContentState {
  const next = MOVES[state][event]
  if (next === undefined) throw new RangeError(`content that is ${state} does not accept "${event}"`)
  return next
}

/** What a user is told, in OneDrive's words; `partly-local` is an online-only file of which some ranges are here. */
export type Availability = 'online-only' | 'partly-local' | 'locally-available'

export function availability(size: Bytes, localBytes: Bytes): Availability {
  if (localBytes >= size) return 'locally-available'
  return localBytes > 0 ? 'partly-local' : 'online-only'
}
