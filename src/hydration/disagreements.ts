import type { Clock } from '../concurrency/clock.js'
import { Fault } from '../model/fault.js'
import type { Ino, Milliseconds } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

const DAY: Milliseconds = 24 * 60 * 60_000
// Two whole downloads that are equal are no accident.
const EQUAL_DOWNLOADS = 2
// "It has changed" may be true until the folder has been listed.
const REFUSALS = 3
const REFUSALS_TAKE: Milliseconds = 60_000

type Evidence = { readonly kind: 'hash'; readonly hash: string } | { readonly kind: 'refused' }

interface Entry {
  /** What the service says of the item. */
  readonly described: string
  readonly evidence: Evidence
  readonly times: number
  readonly first: Milliseconds
  readonly last: Milliseconds
}

/**
 * Files of which the service's description never agrees with what it delivers: of size and hash, although the item does not change.
 * Files that are encrypted by a label are so, and sections of notebooks (abraunegg #3070, onedrive-api-docs #927, #1066). Whoever reads one
 * is told so, and the file is not downloaded again before the service describes it otherwise, or a day has passed.
 *
 * What was delivered is never handed out: a proxy that puts something else in its place delivers alike, too.
 */
export class Disagreements {
  readonly #store: Pick<Store, 'items' | 'libraries'>
  readonly #clock: Clock
  readonly #entries = new Map<Ino, Entry>()

  constructor(store: Pick<Store, 'items' | 'libraries'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** All of it has been downloaded, and is not what it should be. */
  delivered(ino: Ino, hash: string): void {
    this.#note(ino, { kind: 'hash', hash })
  }

  /** The service, or what comes with its answer, says that it is another version. */
  refused(ino: Ino): void {
    this.#note(ino, { kind: 'refused' })
  }

  /** It has been downloaded, and is what it should be. */
  agreed(ino: Ino): void {
    this.#entries.delete(ino)
  }

  /** Somebody insists: the next download is not in vain before it was tried. */
  forget(ino: Ino): void {
    this.#entries.delete(ino)
  }

  /** Why another download would be in vain. */
  refusalOf(ino: Ino): Fault | undefined {
    const entry = this.#entries.get(ino)
    const item = this.#store.items.byIno(ino)
    if (entry === undefined || item === undefined) return undefined
    if (entry.described !== descriptionOf(item)) {
      this.#entries.delete(ino)
      return undefined
    }
    return isCertain(entry) && this.#clock.now() - entry.last < DAY ? this.#fault(item) : undefined
  }

  #note(ino: Ino, evidence: Evidence): void {
    const item = this.#store.items.byIno(ino)
    if (item === undefined) return
    const [described, now] = [descriptionOf(item), this.#clock.now()]
    const known = this.#entries.get(ino)
    const isSame = known?.described === described && isEqual(known.evidence, evidence)
    const [times, first] = isSame ? [known.times + 1, known.first] : [1, now]
    this.#entries.set(ino, { described, evidence, times, first, last: now })
  }

  #fault({ library }: ItemRecord): Fault {
    const organization = this.#store.libraries.byId(library)?.organization ?? 'The organization'
    return new Fault(
      'corrupt-content',
      `${organization} describes this file otherwise than it delivers it, each time alike: it may be protected by a label, or part of a notebook`,
      { nextStep: 'Open it in the browser:  b2bmount open PATH   or try again:  b2bmount pin PATH' },
    )
  }
}

function isCertain({ evidence, times, first, last }: Entry): boolean {
  if (evidence.kind === 'hash') return times >= EQUAL_DOWNLOADS
  return times >= REFUSALS && last - first >= REFUSALS_TAKE
}

function isEqual(one: Evidence, other: Evidence): boolean {
  return one.kind === 'hash' ? other.kind === 'hash' && one.hash === other.hash : other.kind === 'refused'
}

/** All that tells one version from another. */
export function descriptionOf({ remoteId, size, quickXorHash, cTag, eTag }: ItemRecord): string {
  return JSON.stringify([remoteId, size, quickXorHash, cTag, eTag])
}
