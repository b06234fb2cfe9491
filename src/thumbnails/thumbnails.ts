import { Fault } from '../model/fault.js'
import type { Bytes, Ino } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type { ItemChange } from '../store/item-change.js'
import type { ThumbnailSource, ThumbnailTotals } from '../store/thumbnail-table.js'
import type { DesktopThumbnails } from './desktop-thumbnails.js'
import { isPicture } from './file-kinds.js'
import type { OpenedFolders, OpenedFoldersStatus } from './opened-folders.js'
import { subjectOf, type SubjectStore } from './subject.js'
import type { ThumbnailCache } from './thumbnail-cache.js'
import type { Outcome, ThumbnailService } from './thumbnail-service.js'

export interface ThumbnailsDeps {
  readonly store: SubjectStore
  readonly service: ThumbnailService
  readonly cache: ThumbnailCache
  readonly desktop: DesktopThumbnails
  readonly folders: OpenedFolders
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** One thumbnail, made to order. */
export interface MadeThumbnail {
  readonly source: ThumbnailSource
  /** PNG. */
  readonly file: string
  readonly bytes: Bytes
}

export interface ThumbnailsStatus extends ThumbnailTotals {
  readonly waiting: OpenedFoldersStatus
}

/** All about thumbnails that the rest of the daemon needs. Nothing that goes wrong here goes wrong anywhere else. */
export class Thumbnails {
  readonly #deps: ThumbnailsDeps

  constructor(deps: ThumbnailsDeps) {
    this.#deps = deps
  }

  // --- what the drive tells ---

  opened(folder: Ino): void {
    this.#safely(() => this.#deps.folders.opened(folder))
  }

  /** After the store has the new state. */
  changed(changes: readonly ItemChange[]): void {
    for (const change of changes) {
      // Where a name is new, nothing of it can be there.
      if (change.kind === 'content' || (change.kind === 'entry' && !change.appeared)) {
        this.#later(this.#deps.desktop.forget(change.parent, change.name))
      }
    }
  }

  /** All bytes of a content are here by now. */
  localNow(ino: Ino, generation: number): void {
    const subject = subjectOf(this.#deps.store, ino)
    if (subject?.generation !== generation) return
    const { service, desktop } = this.#deps
    const record = service.isKnown(subject, 256)
    if (!record) return
    this.#later(
      (async () => {
        if ((await service.known(subject, 256, []))?.kind !== 'none') return
        await desktop.localNow(subject)
        if (!isPicture(subject.name)) return
        const outcome = await service.ofLocal(subject, 256, [128])
        if (outcome) await desktop.show(subject, outcome)
      })(),
    )
  }

  // --- what the daemon asks ---

  mounted(directory: string): () => void {
    return this.#deps.desktop.mounted(directory)
  }

  /**
   * @param ino of a file
   * @throws {Fault} `no-thumbnail`, `stale-content`; `offline` and whatever the service refuses with
   */
  async make(
    ino: Ino,
    box: ThumbnailBox,
    mayReadRanges: boolean,
    signal: AbortSignal,
  ): Promise<MadeThumbnail> {
    const { store, service, cache, desktop } = this.#deps
    const subject = subjectOf(store, ino)
    if (subject === undefined) throw noThumbnail('Only files that are not empty have thumbnails')
    const known = await service.known(subject, box, [])
    const answers: Outcome[] = known === undefined ? [] : [known]
    // That there is none was found out without looking into the file.
    if (known === undefined || (known.kind === 'none' && mayReadRanges)) {
      const done = (_: unknown, outcome: Outcome) => void answers.unshift(outcome)
      await service.ask([subject], box, [], done, signal, { mayReadRanges })
    }
    const [found] = answers
    switch (found?.kind) {
      case 'image': {
        await desktop.show(subject, found)
        const file = cache.pathOf(subject.item, subject.version, box)
        return { source: found.source, file, bytes: found.pngs.get(box)?.length ?? 0 }
      }
      case 'failed':
        throw found.fault
      case 'over':
        throw new Fault('stale-content', 'The file was replaced meanwhile', { nextStep: 'Try again.' })
      case 'none':
      case undefined:
        throw noThumbnail('The other organization has no thumbnail of this file')
    }
  }

  status(): ThumbnailsStatus {
    return { ...this.#deps.cache.totals(), waiting: this.#deps.folders.status }
  }

  clear(): Promise<ThumbnailTotals> {
    return this.#deps.cache.clear()
  }

  /** What an earlier run left that is of no use any more. Never rejects. */
  async sweep(): Promise<void> {
    await this.#deps.cache
      .sweep()
      .catch((failure: unknown) => this.#deps.onTrouble('thumbnails-not-swept', failure))
  }

  async close(): Promise<void> {
    await this.#deps.folders.close()
  }

  #later(work: Promise<void>): void {
    work.catch((failure: unknown) => this.#deps.onTrouble('thumbnail-failed', failure))
  }

  #safely(work: () => void): void {
    try {
      work()
    } catch (failure) {
      this.#deps.onTrouble('thumbnail-failed', failure)
    }
  }
}

function noThumbnail(message: string): Fault {
  return new Fault('no-thumbnail', message, {
    nextStep: 'Open the file to see it; nothing of it was downloaded.',
  })
}
