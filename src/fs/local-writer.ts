import { futimesSync } from 'node:fs'
import type { Clock } from '../concurrency/clock.js'
import { Burials } from '../dirty/burials.js'
import type { DirtyFiles, OpenDirty } from '../dirty/dirty-files.js'
import { locally } from '../dirty/dirty-fault.js'
import { Fault } from '../model/fault.js'
import type { Ino, LibraryId, Milliseconds } from '../model/ids.js'
import { accessRemoved } from '../model/library.js'
import { inheritedMode, keepable } from '../model/mode.js'
import { checkLocalName, isIgnored, staysHere } from '../model/local-name.js'
import type { ItemChange } from '../store/item-change.js'
import { isDirectory, isLocalId, isRemoteFolder, type ItemRecord } from '../store/item-record.js'
import type { LocalEdit } from '../store/local-edit.js'
import type { Store } from '../store/store.js'
import type { AttributeChanges } from './file-system.js'
import { checkPathLength, remotePathLength } from './path-length.js'

// linux/fs.h; renameat2(2)
const RENAME_NOREPLACE = 1

/** What sends changes to the other organization. Implemented by `uploads/uploader.ts`. */
export interface Uploads {
  /** The item is about to change: nothing of it may be sent now. */
  stop(ino: Ino): void
  /** Something new is owed, or a program says that what it has written is whole. */
  wake(): void
  /** No program has it open for writing any more. */
  closed(ino: Ino): void
  /** The service has its bytes, although its content is owed: a program has it open for writing. */
  isSent(ino: Ino): boolean
}

const NOBODY: Uploads = {
  stop: () => undefined,
  wake: () => undefined,
  closed: () => undefined,
  isSent: () => false,
}

export interface LocalWriterDeps {
  readonly store: Store
  readonly dirty: DirtyFiles
  readonly clock: Clock
  /** Who owns every file. */
  readonly owner: { readonly uid: number; readonly gid: number }
  /** Names that an administrator lets nobody send, with `*` and `?`. */
  readonly neverUploaded?: () => readonly string[]
  /** Something went wrong that nobody waits for. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

/** What is done on this machine, carried out in the store and in the dirty files. Knows no handles and no kernel. */
export class LocalWriter {
  readonly #deps: LocalWriterDeps
  #uploads: Uploads = NOBODY
  readonly #burials: Burials

  constructor(deps: LocalWriterDeps) {
    this.#deps = deps
    const { store, dirty, onTrouble } = deps
    this.#burials = new Burials({ dirty, flushed: () => store.flushed(), onTrouble })
  }

  /** Who is told from now on. */
  tells(uploads: Uploads): void {
    this.#uploads = uploads
  }

  get uploads(): Uploads {
    return this.#uploads
  }

  get dirty(): DirtyFiles {
    return this.#deps.dirty
  }

  /** Resolves when what was deleted is no longer on the disk. */
  async settled(): Promise<void> {
    await this.#burials.settled()
  }

  /** @throws {Fault} `read-only`, `access-removed` */
  checkWritable(library: LibraryId): void {
    const record = this.#deps.store.libraries.byId(library)
    if (record === undefined) throw new Fault('read-only', 'Only what is in a library can be changed')
    if (record.accessRemoved !== undefined) throw accessRemoved(record)
    if (record.access === 'read') {
      throw new Fault('read-only', `${record.organization} shares ${record.name} for reading only`, {
        nextStep: 'Ask the person who shared it with you whether you may change it.',
      })
    }
  }

  /**
   * @param permissions mode bits, without the type
   * @throws {Fault} `name-taken`, `name-refused`, `name-too-long`, `not-permitted`, `read-only`, `access-removed`, `disk-full`
   */
  create(parent: ItemRecord, name: string, kind: 'file' | 'folder', permissions: number): Made {
    this.#checkPlace(parent, name, [])
    if (!this.#staysHere(name)) checkPathLength(this.#pathLength(parent, name))
    const { store, dirty } = this.#deps
    const mode = keepable(kind, permissions) | inheritedMode(kind, parent.mode)
    // One turn: nothing is between the look for a twin and the new item.
    let ino: Ino | undefined
    let opened: OpenDirty | undefined
    try {
      const changes = this.#change(edit => {
        ino = edit.create(parent, name, kind, mode, this.#staysHere(name))
        // Within the transaction: a row without its file, or a file without its row, is never seen.
        if (kind === 'file') opened = dirty.create(ino, undefined)
      })
      const item = ino === undefined ? undefined : store.items.byIno(ino)
      if (item === undefined) throw new Error('what was made is not there')
      return { item, dirty: opened, changes }
    } catch (failure) {
      if (opened !== undefined) dirty.release(opened)
      if (ino !== undefined) dirty.discard(ino)
      throw failure
    }
  }

  /**
   * The item's bytes are about to change: the file for them, to be given back to {@link DirtyFiles}.
   * @throws {Fault} `read-only`, `access-removed`, `disk-full`, `local-io`
   */
  beginContent(item: ItemRecord, beginning: Beginning): OpenDirty {
    return this.#begin(item, beginning, () => undefined)
  }

  /** The same of a file whose bytes stay as they are. @param beginning the cache's file; `empty` where there are no bytes */
  ownContent(item: ItemRecord, beginning: Exclude<Beginning, 'over-base'>): OpenDirty {
    const before = this.#deps.store.owed.of(item.ino)
    const opened = this.#begin(item, beginning, edit => edit.contentOwned(item, before))
    keepTime(opened, item.modified)
    return opened
  }

  #begin(item: ItemRecord, beginning: Beginning, also: (edit: LocalEdit) => void): OpenDirty {
    const { store, dirty } = this.#deps
    const { ino, size } = item
    this.checkWritable(item.library)
    this.#uploads.stop(ino)
    const owed = store.owed.of(ino)
    // What is lost and written anew is there again.
    if (owed?.content === true && (beginning !== 'empty' || dirty.has(ino))) {
      return this.#owing(item, dirty.open(ino, owed.base.size), () => undefined)
    }
    const undo = () => {
      if (owed?.content !== true) dirty.discard(ino)
    }
    if (typeof beginning === 'string') {
      const isOver = beginning === 'over-base' && size > 0
      return this.#owing(item, dirty.create(ino, isOver ? size : undefined), undo, also)
    }
    const { takeOver } = beginning
    const opened = dirty.takeOver(ino, takeOver)
    keepTime(opened, item.modified)
    return this.#owing(
      item,
      opened,
      () => dirty.moveTo(ino, takeOver),
      edit => {
        edit.contentTaken(item)
        also(edit)
      },
    )
  }

  /** @param undo when the journal cannot be written */
  #owing(
    item: ItemRecord,
    opened: OpenDirty,
    undo: () => void,
    also: (edit: LocalEdit) => void = () => undefined,
  ): OpenDirty {
    try {
      this.#change(edit => {
        edit.oweContent(item)
        also(edit)
      })
      return opened
    } catch (failure) {
      this.#deps.dirty.release(opened)
      undo()
      throw failure
    }
  }

  /**
   * A file that was changed here before is opened for writing; what is written then, nobody may hear of before it is closed.
   * So nothing is sent meanwhile, and what was sent of it is not gone on with, also by a process after this one.
   */
  beforeWriting(ino: Ino): void {
    this.#uploads.stop(ino)
    const { owed } = this.#deps.store
    if (owed.of(ino)?.session !== undefined) owed.setSession(ino, undefined)
  }

  /** Its library is gone, and nothing of it will be sent. */
  forget(ino: Ino): void {
    this.#uploads.stop(ino)
    this.#deps.dirty.discard(ino)
  }

  /** Notes in the store what the file is like now. Nothing of one that was deleted. */
  noteContent({ ino, fd, file }: OpenDirty): readonly ItemChange[] {
    const { store, dirty } = this.#deps
    const item = store.items.byIno(ino)
    if (item === undefined || dirty.opened(ino)?.file !== file) return []
    // To the millisecond as programs see it now: it is read from there when the file is opened again.
    setTime(fd, file.modified)
    return this.#change(edit => {
      edit.oweContent(item)
      const changed = file.changed > 0 ? file.changed : undefined
      edit.contentIs(item, file.size, file.modified, changed)
      const { permissions } = file
      if (permissions !== undefined && permissions !== item.mode) edit.modeIs(item, permissions, changed)
    })
  }

  /** @throws {Fault} `not-empty`, `is-a-directory`, `not-a-directory`, `read-only`, … */
  remove(item: ItemRecord, kind: 'file' | 'folder'): readonly ItemChange[] {
    if (kind === 'file' && isDirectory(item.kind)) throw new Fault('is-a-directory', 'This is a folder')
    if (kind === 'folder' && item.kind === 'file') throw new Fault('not-a-directory', 'This is a file')
    this.#checkMovable(item)
    this.#checkEmpty(item)
    this.#uploads.stop(item.ino)
    return this.#changeAndBury(item, edit => edit.remove(item))
  }

  /**
   * @param flags renameat2(2)'s
   * @param below how much longer the longest path in a folder is than its own
   * @throws {Fault} `name-taken`, `cross-library`, `not-empty`, `invalid-value`, `name-refused`, `read-only`, …
   */
  rename(
    item: ItemRecord,
    parent: ItemRecord,
    name: string,
    flags: number,
    below = 0,
  ): readonly ItemChange[] {
    if ((flags & ~RENAME_NOREPLACE) !== 0) throw new Fault('invalid-value', 'Two items cannot be exchanged')
    if (item.parent === parent.ino && item.name === name) return []
    this.#checkMovable(item)
    if (item.library !== parent.library) {
      throw new Fault('cross-library', 'Another library is another file system')
    }
    const there = this.#deps.store.items.byName(parent.ino, name)
    if (there !== undefined && there.ino !== item.ino) {
      if ((flags & RENAME_NOREPLACE) !== 0) throw nameTaken(name)
      this.#checkReplaceable(item, there)
    }
    this.#checkPlace(parent, name, [
      ...(there === undefined ? [] : [name]),
      ...(item.parent === parent.ino ? [item.name] : []),
    ])
    this.#checkNotInto(item, parent)
    const hides = this.#staysHere(name)
    if (!hides && this.makesLonger(item, parent, name))
      checkPathLength(this.#pathLength(parent, name) + below)
    // It would go away over there, and be nowhere but here.
    if (hides && !isLocalId(item.remoteId))
      throw new Fault('name-refused', 'Programs keep names like this for themselves')
    this.#uploads.stop(item.ino)
    if (there !== undefined) this.#uploads.stop(there.ino)
    const replaced = there?.ino === item.ino ? undefined : there
    const changes = this.#changeAndBury(replaced, edit => edit.place(item, parent, name, hides, replaced))
    // A program that has written a file under another name, and keeps it open, gives it its own when it is whole.
    if (replaced !== undefined || (this.#staysHere(item.name) && !hides)) this.#isWhole(item.ino)
    return changes
  }

  #isWhole(ino: Ino): void {
    const file = this.#deps.dirty.opened(ino)?.file
    if (file !== undefined) file.saved = file.writes()
  }

  /**
   * All but the size.
   * @throws {Fault} `not-permitted`, `read-only`, …
   */
  setAttributes(item: ItemRecord, changes: AttributeChanges): readonly ItemChange[] {
    const { owner } = this.#deps
    const { modified, permissions, uid, gid, touched = false } = changes
    if ((uid !== undefined && uid !== owner.uid) || (gid !== undefined && gid !== owner.gid)) {
      throw new Fault('not-permitted', 'Everything on the drive belongs to who has mounted it')
    }
    this.checkWritable(item.library)
    if (modified === undefined && permissions === undefined && !touched) return []
    if (modified !== undefined) {
      this.#uploads.stop(item.ino)
      this.#setTime(item.ino, modified)
    }
    const mode =
      permissions === undefined ? undefined : keepable(item.kind === 'file' ? 'file' : 'folder', permissions)
    const changed = this.#change(edit => {
      if (modified !== undefined) edit.modifiedAt(item, modified)
      if (mode !== undefined) edit.modeIs(item, mode)
      if (touched) edit.touched(item)
    })
    const opened = this.#deps.dirty.opened(item.ino)
    if (opened !== undefined && mode !== undefined) opened.file.permissions = mode
    return changed
  }

  /** Also of the file itself: after a crash it is what says when it was changed. */
  #setTime(ino: Ino, modified: Milliseconds): void {
    const { store, dirty } = this.#deps
    const owed = store.owed.of(ino)
    if (owed?.content !== true) return
    const opened = dirty.open(ino, owed.base.size)
    try {
      setTime(opened.fd, modified)
      opened.file.setModified(modified)
    } finally {
      dirty.release(opened)
    }
  }

  /** @param gone what the change deletes, with its bytes */
  #changeAndBury(
    gone: ItemRecord | undefined,
    work: Parameters<Store['changeHere']>[1],
  ): readonly ItemChange[] {
    const { store } = this.#deps
    if (gone === undefined || store.owed.of(gone.ino)?.content !== true) return this.#change(work)
    return this.#burials.during(gone.ino, bury =>
      this.#change(edit => {
        work(edit)
        bury()
      }),
    )
  }

  #change(work: Parameters<Store['changeHere']>[1]): readonly ItemChange[] {
    const changes = this.#deps.store.changeHere(this.#deps.clock.now(), work)
    this.#uploads.wake()
    return changes
  }

  /** Whether an item's path over there becomes longer by this name: only then can it become too long. */
  makesLonger(item: ItemRecord, parent: ItemRecord, name: string): boolean {
    const { items, libraries } = this.#deps.store
    // What stays here has no path over there.
    if (this.#staysHere(item.name)) return true
    return this.#pathLength(parent, name) > remotePathLength({ items, libraries }, item)
  }

  #pathLength(parent: ItemRecord, name: string): number {
    const { items, libraries } = this.#deps.store
    return remotePathLength({ items, libraries }, parent) + 1 + name.length
  }

  #staysHere(name: string): boolean {
    return staysHere(name) || isIgnored(name, this.#deps.neverUploaded?.() ?? [])
  }

  /** @param except names that may be like it */
  #checkPlace(parent: ItemRecord, name: string, except: readonly string[]): void {
    if (!isRemoteFolder(parent.kind)) throw new Fault('read-only', 'Files can be kept in libraries only')
    this.checkWritable(parent.library)
    checkLocalName(name)
    const twin = this.#deps.store.twins.of(parent.ino, name, except)
    if (twin !== undefined) throw nameTaken(twin)
  }

  #checkMovable(item: ItemRecord): void {
    if (item.kind === 'file' || item.kind === 'folder') return this.checkWritable(item.library)
    if (item.kind === 'package')
      throw new Fault('not-permitted', 'A notebook can be changed in the browser only')
    throw new Fault('not-permitted', 'Libraries are taken off the drive with:  b2bmount remove')
  }

  #checkEmpty(item: ItemRecord): void {
    if (item.kind === 'file') return
    const { items, notUnderstood } = this.#deps.store
    if (items.firstChild(item.ino) !== undefined) throw new Fault('not-empty', 'The folder is not empty')
    if (notUnderstood.countIn(item.library, item.remoteId) === 0) return
    const fault = new Fault('not-empty', 'The folder holds something that this drive cannot show', {
      nextStep: 'Look at it in the browser:  b2bmount open PATH',
    })
    this.#deps.onTrouble('folder-not-deleted', fault)
    throw fault
  }

  #checkReplaceable(item: ItemRecord, there: ItemRecord): void {
    this.#checkMovable(there)
    if (isDirectory(there.kind) && !isDirectory(item.kind)) {
      throw new Fault('is-a-directory', 'There is a folder of this name')
    }
    if (!isDirectory(there.kind) && isDirectory(item.kind)) {
      throw new Fault('not-a-directory', 'There is a file of this name')
    }
    this.#checkEmpty(there)
  }

  #checkNotInto(item: ItemRecord, parent: ItemRecord): void {
    if (!isDirectory(item.kind)) return
    for (let at: ItemRecord | undefined = parent; at; at = this.#deps.store.items.byIno(at.parent)) {
      if (at.ino === item.ino) throw new Fault('invalid-value', 'A folder cannot be moved into itself')
    }
  }
}

/** What the file of a change is at first: as its base, empty, or the very file of the cache. */
export type Beginning = 'over-base' | 'empty' | { readonly takeOver: string }

export interface Made {
  readonly item: ItemRecord
  /** Of a file; to be given back. */
  readonly dirty: OpenDirty | undefined
  readonly changes: readonly ItemChange[]
}

/** @throws {Fault} `local-io` */
function setTime(fd: number, modified: Milliseconds): void {
  locally(() => futimesSync(fd, modified / 1000, modified / 1000))
}

/** Not that of its download. Whoever maps it changes it. */
function keepTime({ fd, file }: OpenDirty, modified: Milliseconds): void {
  setTime(fd, modified)
  file.setModified(modified)
}

function nameTaken(name: string): Fault {
  return new Fault('name-taken', `There is “${name}” already, and SharePoint does not tell capital letters`)
}
