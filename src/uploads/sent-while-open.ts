import type { DirtyFiles, OpenDirty } from '../dirty/dirty-files.js'
import type { Ino, Milliseconds } from '../model/ids.js'
import type { AnswerOfContent } from '../store/sent-edit.js'
import type { Store } from '../store/store.js'

/** A file of which the service has the bytes that it has here, while programs have it open for writing. */
export interface SentOpen {
  readonly opened: OpenDirty
  /** {@link DirtyFile.writes} of what was sent. */
  readonly writes: number
  readonly answer: AnswerOfContent
  /** The service has these very bytes, and not what it has made of them. */
  readonly isVerbatim: boolean
  /** That was sent with them. */
  readonly sentTime: Milliseconds
}

export interface SentWhileOpenDeps {
  readonly dirty: DirtyFiles
  readonly store: Pick<Store, 'items' | 'owed'>
}

/**
 * Files that were sent while programs have them open for writing. Their bytes stay where they are, in the dirty file, because those programs
 * may go on at any moment; so the journal says that content is owed, for who comes after a crash. Only this object knows
 * that nothing is, as long as nobody changes a byte.
 *
 * Each dirty file is kept open, so that its counters go on when the last program has closed it.
 */
export class SentWhileOpen {
  readonly #deps: SentWhileOpenDeps
  readonly #sent = new Map<Ino, SentOpen>()

  constructor(deps: SentWhileOpenDeps) {
    this.#deps = deps
  }

  /** @param sent its dirty file is shared */
  keep(ino: Ino, sent: SentOpen): void {
    this.drop(ino)
    this.#sent.set(ino, { ...sent, opened: this.#deps.dirty.share(sent.opened) })
  }

  /** `undefined`: it was not sent, or was changed since, here or there. */
  of(ino: Ino): SentOpen | undefined {
    const sent = this.#sent.get(ino)
    if (sent === undefined || this.#isStill(ino, sent)) return sent
    this.drop(ino)
    return undefined
  }

  drop(ino: Ino): void {
    const sent = this.#sent.get(ino)
    this.#sent.delete(ino)
    if (sent !== undefined) this.#deps.dirty.release(sent.opened)
  }

  /** Gives back what nobody asks for any more, because its item has gone. */
  sweep(): void {
    for (const ino of [...this.#sent.keys()]) this.of(ino)
  }

  close(): void {
    for (const ino of [...this.#sent.keys()]) this.drop(ino)
  }

  #isStill(ino: Ino, { opened, writes, answer }: SentOpen): boolean {
    const { dirty, store } = this.#deps
    if (dirty.opened(ino) !== opened || store.items.byIno(ino)?.remoteId !== answer.id) return false
    const owed = store.owed.of(ino)
    if (owed?.content !== true || owed.isNew) return false
    dirty.noticeMapping(opened)
    return opened.file.writes() === writes
  }
}
