import type { Item } from '../../world/drive.js'
import type { PlacedDrive, PlacedItem } from '../access.js'
import { notFound } from '../graph-error.js'

/** Where a request points: an item, or a name in a folder that nothing has yet. */
export interface Where {
  readonly id?: string
  readonly path?: readonly string[] | undefined
}

export type Target =
  | { readonly kind: 'there'; readonly placed: PlacedItem }
  | { readonly kind: 'new'; readonly parent: PlacedItem; readonly name: string }

/** At this moment; nothing is waited for. Folders on the way must exist. */
export function findTarget({ site, drive }: PlacedDrive, { id, path = [] }: Where): Target {
  const place = (item: Item): PlacedItem => ({ site, drive, item, lent: undefined })
  let item = id === undefined ? drive.root : drive.find(id)
  for (const name of path.slice(0, -1)) item = item && drive.child(item, name)
  if (!item) throw notFound()
  const name = path.at(-1)
  if (name === undefined) return { kind: 'there', placed: place(item) }
  if (item.kind !== 'folder') throw notFound()
  const child = drive.child(item, name)
  return child ? { kind: 'there', placed: place(child) } : { kind: 'new', parent: place(item), name }
}

export function findItem(drive: PlacedDrive, where: Where): PlacedItem {
  const target = findTarget(drive, where)
  if (target.kind === 'new') throw notFound()
  return target.placed
}

/** Whose rights count: the item's, or those of the folder that the name is new in. */
export function placeOf(target: Target): PlacedItem {
  return target.kind === 'there' ? target.placed : target.parent
}
