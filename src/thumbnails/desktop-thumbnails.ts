import { join } from 'node:path'
import type { Ino } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import { fileUri } from './file-uri.js'
import type { FolderWatchers } from './folder-watchers.js'
import type { Depicted, FreedesktopStore } from './freedesktop-store.js'
import { maybeRead } from './file-kinds.js'
import { isPresent, pathOnDrive, type Subject, type SubjectStore } from './subject.js'
import type { Shown } from './thumbnail-service.js'

export interface DesktopThumbnailsDeps {
  readonly store: SubjectStore
  readonly shared: FreedesktopStore
  /** Whether all of a content is here: then a program may make a thumbnail of it, if it likes. */
  readonly isLocal: (subject: Subject) => boolean
  readonly watchers: FolderWatchers
}

/** A file at one of the places where the drive is mounted. */
interface Placed extends Depicted {
  readonly path: string
}

/** What the desktop shows: our thumbnails in the shared store, once for each place where the drive is mounted. */
export class DesktopThumbnails {
  readonly #deps: DesktopThumbnailsDeps
  readonly #directories = new Set<string>()

  constructor(deps: DesktopThumbnailsDeps) {
    this.#deps = deps
  }

  /** @param directory where the drive is mounted @returns to be called when it is not any more */
  mounted(directory: string): () => void {
    this.#directories.add(directory)
    return () => this.#directories.delete(directory)
  }

  get isNeeded(): boolean {
    return this.#directories.size > 0
  }

  /** Whether everything that could be written stands there. @param isNone there is no thumbnail */
  async isComplete(subject: Subject, boxes: readonly ThumbnailBox[], isNone: boolean): Promise<boolean> {
    const { shared } = this.#deps
    for (const depicted of this.#depicted(subject)) {
      if (isNone) {
        if (this.#isToBeMarked(subject) && !(await shared.holdsFailure(depicted))) return false
        continue
      }
      for (const box of boxes) if (!(await shared.holds(depicted, box))) return false
    }
    return true
  }

  /** Writes what is known down for the desktop. */
  async show(subject: Subject, outcome: Shown): Promise<void> {
    const { store, shared, watchers } = this.#deps
    if (outcome.kind !== 'image' && outcome.kind !== 'none') return
    for (const depicted of this.#depicted(subject)) {
      if (!isPresent(store, subject)) return
      if (outcome.kind === 'none') {
        if (this.#isToBeMarked(subject)) await shared.writeFailure(depicted)
        else await shared.removeFailure(depicted.uri)
        continue
      }
      let isNew = false
      for (const [box, png] of outcome.pngs) {
        const stood = await shared.holds(depicted, box)
        if ((await shared.write(depicted, box, png)) && !stood) isNew = true
      }
      // Who has shown the folder before the thumbnail came has an icon there, and would keep it.
      if (isNew) watchers.shown(subject.ino)
    }
    // Replaced while we wrote: the content's own end was told before, and found nothing to remove.
    if (!isPresent(store, subject)) await this.forgetChild(subject.ino)
  }

  /** The file is local now: whoever could not make a thumbnail of it can. */
  async localNow(subject: Subject): Promise<void> {
    for (const { uri } of this.#depicted(subject)) await this.#deps.shared.removeFailure(uri)
  }

  /** `name` in `folder` leads to something else now, or to another content. */
  async forget(folder: Ino, name: string): Promise<void> {
    const path = pathOnDrive(this.#deps.store, folder)
    if (path === undefined) return
    for (const directory of this.#directories) {
      await this.#deps.shared.forget(fileUri(join(directory, path, name)))
    }
  }

  /** Where the thumbnail of a file stands, for the first mount; to hand it on. */
  async fileOf(subject: Subject, box: ThumbnailBox): Promise<string | undefined> {
    const { shared } = this.#deps
    const [first] = this.#depicted(subject)
    return first && (await shared.holds(first, box)) ? shared.pathOf(first.uri, box) : undefined
  }

  async forgetChild(ino: Ino): Promise<void> {
    const item = this.#deps.store.items.byIno(ino)
    if (item) await this.forget(item.parent, item.name)
  }

  #isToBeMarked(subject: Subject): boolean {
    return maybeRead(subject.name) && !this.#deps.isLocal(subject)
  }

  #depicted({ ino, size, modified, content }: Subject): Placed[] {
    const onDrive = pathOnDrive(this.#deps.store, ino)
    if (onDrive === undefined) return []
    const modifiedSeconds = Math.floor(modified / 1000)
    return [...this.#directories].map(directory => {
      const path = join(directory, onDrive)
      return { path, uri: fileUri(path), modifiedSeconds, size, version: content }
    })
  }
}
