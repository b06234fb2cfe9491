import type { Caller } from '../../entra/tokens.js'
import type { Author, Item } from '../../world/drive.js'
import type { Access, PlacedItem } from '../access.js'
import { accessDenied, refuse } from '../graph-error.js'
import { principalAuthor } from './author.js'

const WRITING_SCOPE =
  /^(Files\.ReadWrite|Sites\.(ReadWrite|Manage|FullControl)|AllSites\.(Write|Manage|FullControl))/

/** Throws unless the caller may change this item, or add to this folder; answers who shows as author. */
export function requireWrite(access: Access, caller: Caller, placed: PlacedItem): Author {
  const role = access.requireItem(caller, placed)
  if (role === 'read' || !caller.scopes.some(scope => WRITING_SCOPE.test(scope))) throw accessDenied()
  if (placed.drive.source) {
    throw accessDenied('This library is a directory of the machine, which the emulator only reads.')
  }
  return principalAuthor(caller.principal)
}

/** 423 if somebody else is at it, or at something below it. */
export function requireUnlocked(item: Item, author: Author): void {
  const lock = item.lockedBy
  if (lock?.kind === 'co-authoring') {
    throw refuse(423, 'notAllowed', 'The resource you are attempting to access is locked', {
      inner: 'resourceLocked',
    })
  }
  if (lock && lock.by.id !== author.id) {
    throw refuse(
      423,
      'accessDenied',
      'The file is currently checked out or locked for editing by another user.',
      { inner: 'resourceLocked' },
    )
  }
  for (const child of item.children) requireUnlocked(child, author)
}
