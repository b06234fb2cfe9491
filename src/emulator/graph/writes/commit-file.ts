import type { Content } from '../../world/content.js'
import type { Author, Drive, FileTimes, Item } from '../../world/drive.js'
import type { Promotions } from '../../world/promotions.js'
import type { PlacedItem } from '../access.js'
import { refuse } from '../graph-error.js'
import { checkName, freeName, nameTaken } from './names.js'
import { requireUnlocked } from './permit.js'
import { placeOf, type Target } from './target.js'
import type { ConflictBehavior } from './write-body.js'

export interface FileCommit {
  readonly target: Target
  readonly content: Content
  readonly behavior: ConflictBehavior
  readonly times: FileTimes | undefined
  readonly author: Author
}

export interface CommitDeps {
  readonly promotions: Promotions
  /** Of the world, in milliseconds. */
  readonly now: number
}

/** Puts received bytes where they belong, in one step: whatever is refused has changed nothing. */
export function commitFile(
  { promotions, now }: CommitDeps,
  commit: FileCommit,
): { readonly placed: PlacedItem; readonly created: boolean } {
  const { target, content, times, author } = commit
  const place = placeOf(target)
  const { drive } = place
  const replaced = checkFileTarget(target, commit.behavior, author)
  requireQuota(drive, content.size - (replaced?.size ?? 0))
  if (replaced) {
    drive.replaceContent(replaced, content, now, undefined, { by: author, times })
    delete replaced.malware
    promotions.schedule(drive, replaced)
    return { placed: { ...place, item: replaced }, created: false }
  }
  const [parent, name] = newPlace(target)
  const item = drive.addFile(parent, name, content, { created: now, author, times })
  promotions.schedule(drive, item)
  return { placed: { ...place, item }, created: true }
}

/** Throws what would hinder the commit, as far as one can tell before the bytes are there; answers what it would replace. */
export function checkFileTarget(
  target: Target,
  behavior: ConflictBehavior,
  author: Author,
): Item | undefined {
  if (target.kind === 'new') {
    if (target.parent.item.kind !== 'folder') throw nameTaken()
    checkName(target.parent.drive, target.parent.item, target.name)
    return undefined
  }
  const { item } = target.placed
  if (behavior === 'rename' && item.parent) return undefined
  if (behavior === 'fail' || item.kind !== 'file') throw nameTaken()
  requireUnlocked(item, author)
  return item
}

export function requireQuota({ rules, root }: Drive, more: number): void {
  if (rules.quotaBytes === undefined || more <= 0 || root.size + more <= rules.quotaBytes) return
  throw refuse(507, 'quotaLimitReached', 'Insufficient Space Available')
}

function newPlace(target: Target): [parent: Item, name: string] {
  if (target.kind === 'new') return [target.parent.item, target.name]
  const { drive, item } = target.placed
  if (!item.parent) throw nameTaken()
  const name = freeName(drive, item.parent, item.name)
  checkName(drive, item.parent, name)
  return [item.parent, name]
}
