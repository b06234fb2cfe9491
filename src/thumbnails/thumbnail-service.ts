import type { Clock } from '../concurrency/clock.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Ino, Milliseconds } from '../model/ids.js'
import type { FoundThumbnail, RemoteThumbnails } from '../model/remote.js'
import { imageFormatOf, type ThumbnailBox } from '../model/thumbnail.js'
import type { ThumbnailSource } from '../store/thumbnail-table.js'
import type { Decoder, ThumbnailShape } from './decoder/decoder.js'
import { isPicture, maybeServed } from './file-kinds.js'
import { isPresent, type Subject, type SubjectStore } from './subject.js'
import type { ThumbnailCache } from './thumbnail-cache.js'

/** What is local. Implemented by `hydration/local-bytes.ts`. */
export interface LocalBytes {
  /** All bytes of a content, where all are here and verified. Never fetches any. */
  read(ino: Ino, generation: number, largest: Bytes): Promise<Uint8Array | undefined>
}

/** A preview that a file carries within itself. Implemented by `embedded-preview.ts`. */
export interface EmbeddedPreviews {
  /** Reads a few ranges of the file, never all of it. @throws {Fault} what reading throws */
  find(subject: Subject, signal: AbortSignal): Promise<Uint8Array | undefined>
}

export interface ThumbnailServiceDeps {
  readonly store: SubjectStore
  readonly cache: ThumbnailCache
  readonly remote: RemoteThumbnails
  readonly local: LocalBytes
  readonly previews: EmbeddedPreviews
  readonly decoder: Pick<Decoder, 'decode'>
  readonly clock: Clock
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** What became of asking. */
export type Answer =
  /** It stands in our store; nobody has looked at it yet. */
  | { readonly kind: 'kept' }
  | { readonly kind: 'none' }
  /** Nothing is known, and nothing was written down: ask again. */
  | { readonly kind: 'failed'; readonly fault: Fault }
  /** The item has another content by now: whoever asked is late. */
  | { readonly kind: 'over' }

/** A thumbnail that can be shown: a PNG for each box that was asked for. */
export interface Thumbnail {
  readonly kind: 'image'
  readonly source: Exclude<ThumbnailSource, 'none'>
  readonly pngs: ReadonlyMap<ThumbnailBox, Uint8Array>
}

export type Shown = Thumbnail | Exclude<Answer, { kind: 'kept' }>

export interface AskOptions {
  /** Also a few ranges of the file may be read, for a preview that is in it: somebody asked for this very file. */
  readonly mayReadRanges: boolean
}

const MINUTE: Milliseconds = 60_000
const DAY: Milliseconds = 24 * 60 * MINUTE
/** When to ask again where there was none. The service needs a while for what was just uploaded. */
const NONE_FOR: Milliseconds = DAY
const NONE_OF_NEW_FOR: Milliseconds = 10 * MINUTE
const NEW_FOR: Milliseconds = 60 * MINUTE
const LATE_FOR: Milliseconds = 5 * MINUTE
const UNUSABLE_FOR: Milliseconds = 60 * MINUTE
const LARGEST_LOCAL: Bytes = 60 * 1024 * 1024

/**
 * Thumbnails, asked for in order: our own store, the service, the content where all of it is local, a preview within the
 * file; else it is written down that there is none, for a while. Hydrates nothing.
 */
export class ThumbnailService {
  readonly #deps: ThumbnailServiceDeps
  #quietUntil: Milliseconds = 0

  constructor(deps: ThumbnailServiceDeps) {
    this.#deps = deps
  }

  /** How many {@link ask} takes at once. */
  get mostAtOnce(): number {
    return this.#deps.remote.mostAtOnce
  }

  /**
   * What our store has, decoded. An image that cannot be is replaced by the answer that there is none.
   *
   * @returns `undefined` where our store has no answer
   * @throws {Fault} where the decoder cannot be run
   */
  async shown(
    subject: Subject,
    box: ThumbnailBox,
    boxes: readonly ThumbnailBox[],
    shape: ThumbnailShape = 'as-it-is',
  ): Promise<Shown | undefined> {
    const { cache, decoder } = this.#deps
    const kept = cache.get(subject.item, subject.content, box)
    if (kept?.kind !== 'image') return kept
    const decoded = await decoder.decode(kept.image, boxes, shape)
    if (decoded.kind === 'refused') {
      this.#sayRefused(subject, decoded.reason)
      return await this.#withoutService(subject, { kind: 'unusable' }, box, boxes, shape)
    }
    if (!isPresent(this.#deps.store, subject)) return { kind: 'over' }
    const pngs = new Map(boxes.map((each, i) => [each, decoded.pngs[i] ?? new Uint8Array(0)]))
    return { kind: 'image', source: kept.source === 'none' ? 'service' : kept.source, pngs }
  }

  /** Whether our store has an answer; cheap. */
  isKnown({ item, content }: Subject, box: ThumbnailBox): boolean {
    return this.#deps.cache.record(item, content, box) !== undefined
  }

  isKnownToHaveNone({ item, content }: Subject, box: ThumbnailBox): boolean {
    return this.#deps.cache.record(item, content, box)?.source === 'none'
  }

  /**
   * Asks the service, and the rest, for contents of which nothing is known.
   *
   * @param subjects of one tenant, at most {@link mostAtOnce}
   * @param done called once for each, as soon as it is known
   * @throws {Fault} what concerns all of them: `offline`, `throttled`, …; `done` was then not called for some
   */
  async ask(
    subjects: readonly Subject[],
    box: ThumbnailBox,
    done: (subject: Subject, answer: Answer) => void,
    signal: AbortSignal,
    options: AskOptions = { mayReadRanges: false },
  ): Promise<void> {
    const work: Promise<void>[] = []
    const finish = async (subject: Subject, found: FoundThumbnail) => {
      const answer = await this.#finish(subject, found, box, options, signal)
      done(subject, isPresent(this.#deps.store, subject) ? answer : { kind: 'over' })
    }
    const served = subjects.filter(({ name }) => maybeServed(name))
    for (const subject of subjects) {
      if (!served.includes(subject)) work.push(finish(subject, { kind: 'none' }))
    }
    const found = (place: number, thumbnail: FoundThumbnail) => {
      const subject = served[place]
      if (subject) work.push(finish(subject, thumbnail))
    }
    try {
      const wanted = served.map(({ item, version }) => ({ item, version }))
      await this.#deps.remote.fetch(wanted, box, found, signal)
    } finally {
      await Promise.all(work)
    }
  }

  /** Of a content that is all here, in place of the answer that there is none. */
  async askLocal(subject: Subject, box: ThumbnailBox): Promise<Answer | undefined> {
    const { signal } = new AbortController()
    return (await this.#ownOf(subject, box, { mayReadRanges: false }, signal)) ? { kind: 'kept' } : undefined
  }

  async #finish(
    subject: Subject,
    found: FoundThumbnail,
    box: ThumbnailBox,
    options: AskOptions,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { store, cache } = this.#deps
    if (found.kind === 'image') {
      if (!isPresent(store, subject)) return { kind: 'over' }
      await cache.putImage(subject.item, subject.content, box, 'service', found.bytes)
      return { kind: 'kept' }
    }
    try {
      if (await this.#ownOf(subject, box, options, signal)) return { kind: 'kept' }
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      return { kind: 'failed', fault: failure }
    }
    if (found.kind === 'failed') return found
    return this.#putNone(subject, found, box)
  }

  async #withoutService(
    subject: Subject,
    found: FoundThumbnail,
    box: ThumbnailBox,
    boxes: readonly ThumbnailBox[],
    shape: ThumbnailShape,
  ): Promise<Shown | undefined> {
    const answer = this.#putNone(subject, found, box)
    if (answer.kind !== 'none' || (await this.askLocal(subject, box)) === undefined) return answer
    return await this.shown(subject, box, boxes, shape)
  }

  #putNone(subject: Subject, found: FoundThumbnail, box: ThumbnailBox): { readonly kind: 'none' | 'over' } {
    const { store, cache, clock } = this.#deps
    if (!isPresent(store, subject)) return { kind: 'over' }
    cache.putNone(subject.item, subject.content, box, clock.now() + this.#noneFor(subject, found))
    return { kind: 'none' }
  }

  /**
   * Made here: of the content, or of a preview in it. What is kept is the PNG: the content itself may be large, and
   * one that cannot be decoded is none.
   */
  async #ownOf(
    subject: Subject,
    box: ThumbnailBox,
    { mayReadRanges }: AskOptions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store, local, previews, cache, decoder } = this.#deps
    const sources: [Exclude<ThumbnailSource, 'none'>, () => Promise<Uint8Array | undefined>][] = []
    if (isPicture(subject.name)) {
      sources.push(['content', () => local.read(subject.ino, subject.generation, LARGEST_LOCAL)])
    }
    if (mayReadRanges) sources.push(['preview', () => previews.find(subject, signal)])
    for (const [source, read] of sources) {
      const image = await read()
      if (image === undefined || imageFormatOf(image) === undefined) continue
      const decoded = await decoder.decode(image, [box])
      const png = decoded.kind === 'thumbnails' ? decoded.pngs[0] : undefined
      if (png === undefined || !isPresent(store, subject)) continue
      await cache.putImage(subject.item, subject.content, box, source, png)
      return true
    }
    return false
  }

  /** A library may be full of such images. */
  #sayRefused({ ino }: Subject, reason: string): void {
    const { clock, onTrouble } = this.#deps
    if (clock.now() < this.#quietUntil) return
    this.#quietUntil = clock.now() + MINUTE
    onTrouble('image-refused', new Fault('protocol-error', `inode ${ino}: ${reason}`))
  }

  #noneFor({ modified }: Subject, { kind }: FoundThumbnail): Milliseconds {
    if (kind === 'other-version') return LATE_FOR
    if (this.#deps.clock.now() - modified < NEW_FOR) return NONE_OF_NEW_FOR
    return kind === 'none' ? NONE_FOR : UNUSABLE_FOR
  }
}
