import { Fault } from '../model/fault.js'
import { inoOf, nodeId, type Ino, type NodeId } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import type { ItemChange } from '../store/item-change.js'
import type { ThumbnailSource, ThumbnailTotals } from '../store/thumbnail-table.js'
import type { DesktopThumbnails } from './desktop-thumbnails.js'
import { isPicture } from './file-kinds.js'
import type { OpenedFolders, OpenedFoldersStatus } from './opened-folders.js'
import { subjectOf, type Subject, type SubjectStore } from './subject.js'
import type { ThumbnailCache } from './thumbnail-cache.js'
import type { Answer, ThumbnailService } from './thumbnail-service.js'

export interface ThumbnailsDeps {
  readonly store: SubjectStore
  readonly service: ThumbnailService
  readonly cache: ThumbnailCache
  readonly desktop: DesktopThumbnails
  readonly folders: OpenedFolders
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** What is shown of files in folders. */
const BOX: ThumbnailBox = 256
const BOXES: readonly ThumbnailBox[] = [256, 128]

/** One thumbnail, made to order. */
export interface MadeThumbnail {
  readonly source: Exclude<ThumbnailSource, 'none'>
  readonly png: Uint8Array
  /** Where it stands for file managers; `undefined` where it could not be written. */
  readonly file: string | undefined
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
    if (!service.isKnownToHaveNone(subject, BOX)) return
    this.#later(
      (async () => {
        await desktop.localNow(subject)
        if (!isPicture(subject.name) || (await service.askLocal(subject, BOX)) === undefined) return
        const shown = await service.shown(subject, BOX, BOXES)
        if (shown) await desktop.show(subject, shown)
      })(),
    )
  }

  // --- what a Mac's Finder asks, see fs/finder-drive.ts ---

  hasIcon(node: NodeId): boolean {
    const subject = this.#subjectOf(node)
    const { service } = this.#deps
    return subject !== undefined && service.isKnown(subject, BOX) && !service.isKnownToHaveNone(subject, BOX)
  }

  async icon(
    node: NodeId,
    boxes: readonly ThumbnailBox[],
  ): Promise<ReadonlyMap<ThumbnailBox, Uint8Array> | undefined> {
    const subject = this.#subjectOf(node)
    const shown = subject && (await this.#deps.service.shown(subject, BOX, boxes, 'square'))
    return shown?.kind === 'image' ? shown.pngs : undefined
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
    const { store, service, desktop } = this.#deps
    const subject = subjectOf(store, ino)
    if (subject === undefined) throw noThumbnail('Only files that are not empty have thumbnails')
    // That there is none was found out without looking into the file.
    const isToBeAsked =
      !service.isKnown(subject, box) || (mayReadRanges && service.isKnownToHaveNone(subject, box))
    if (isToBeAsked) {
      const done = (_: Subject, answer: Answer) => {
        if (answer.kind === 'failed') throw answer.fault
      }
      await service.ask([subject], box, done, signal, { mayReadRanges })
    }
    const shown = await service.shown(subject, box, [box])
    switch (shown?.kind) {
      case 'image': {
        await desktop.show(subject, shown)
        const png = shown.pngs.get(box) ?? new Uint8Array(0)
        return { source: shown.source, png, file: await desktop.fileOf(subject, box) }
      }
      case 'failed':
        throw shown.fault
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
    this.#deps.cache.close()
  }

  /** Of this very content. */
  #subjectOf(node: NodeId): Subject | undefined {
    const subject = subjectOf(this.#deps.store, inoOf(node))
    return subject && nodeId(subject.ino, subject.generation) === node ? subject : undefined
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
