import type { DirtyFiles } from '../dirty/dirty-files.js'
import { Fault } from '../model/fault.js'
import type { Ino, Milliseconds } from '../model/ids.js'
import type { Owed } from '../store/owed-table.js'
import type { Store } from '../store/store.js'

export interface RecoveryDeps {
  readonly store: Store
  readonly dirty: DirtyFiles
  /** Where the content of a generation belongs in the cache. */
  readonly cachePath: (ino: Ino, generation: number) => string
  /** Absolute. For bytes of which nobody knows any more what they belong to. */
  readonly asideDirectory: string
  readonly now: Milliseconds
  /** Somebody should know; `event` in kebab case. */
  readonly onTrouble: (event: string, failure: Fault) => void
}

/**
 * Before anything is served: makes journal and unsent files fit each other, after whatever has ended the process before this
 * one. Of the bytes the file is right, of what they belong to the journal. Deletes nothing that the journal does not.
 *
 * @throws {Fault} `local-io`, and as the store
 */
export function recoverUnsent(deps: RecoveryDeps): void {
  const { store, dirty } = deps
  for (const ino of dirty.buriedInos()) {
    // The transaction that deletes it was lost, or was never committed.
    if (store.owed.of(ino)?.content === true) dirty.exhume(ino)
    else dirty.deleteBuried(ino)
  }
  for (const ino of dirty.inos()) {
    const isKnown = store.owed.of(ino)?.content === true && store.items.byIno(ino) !== undefined
    if (!isKnown && !wasSent(deps, ino)) setAside(deps, ino)
  }
  for (const owed of store.owed.all()) {
    if (!owed.content) continue
    if (dirty.has(owed.ino)) adjust(deps, owed)
    else reportLoss(deps, owed)
  }
}

/** It had been sent, and was not moved into the cache yet: that is done now. */
function wasSent({ store, dirty, cachePath }: RecoveryDeps, ino: Ino): boolean {
  const item = store.items.byIno(ino)
  if (item === undefined || store.content.get(ino, item.generation)?.verified !== true) return false
  if (dirty.sizeOf(ino) !== item.size) return false
  if (!dirty.moveTo(ino, cachePath(ino, item.generation))) store.content.remove(ino, item.generation)
  return true
}

function setAside({ dirty, asideDirectory, onTrouble }: RecoveryDeps, ino: Ino): void {
  const path = dirty.setAside(ino, asideDirectory)
  onTrouble(
    'unsent-set-aside',
    new Fault('store-corrupt', `An unsent file is there of which nobody knows the name: it is at ${path}`, {
      nextStep: 'Look at it, and copy it onto the drive if it is of use',
    }),
  )
}

/** What was written after the last close is in the file, and the store may not know. */
function adjust({ store, dirty, now }: RecoveryDeps, { ino, base }: Owed): void {
  const item = store.items.byIno(ino)
  if (item === undefined) return
  const opened = dirty.open(ino, base.size)
  try {
    const { size, modified } = opened.file
    if (size === item.size && modified === item.modified) return
    store.changeHere(now, edit => {
      edit.oweContent(item)
      edit.contentIs(item, size, modified)
    })
  } finally {
    dirty.release(opened)
  }
}

function reportLoss({ store, onTrouble }: RecoveryDeps, { ino, attempts, notBefore }: Owed): void {
  const item = store.items.byIno(ino)
  const name = item && (store.pathOf(item) ?? [item.name]).join('/')
  const message = `What was written to ${name ?? `inode ${ino}`} is not on the disk any more`
  store.owed.setAttempts(ino, { attempts, notBefore, hindrance: { code: 'local-io', message } })
  onTrouble(
    'unsent-lost',
    new Fault('local-io', message, {
      nextStep: 'Write it again. What the other organization has is untouched; `b2bmount open` shows it.',
    }),
  )
}
