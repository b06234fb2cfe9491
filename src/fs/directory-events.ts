import { nodeId, type Ino } from '../model/ids.js'
import type { ItemChange } from '../store/item-change.js'
import { isDirectory, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import type { Attributes, DirectoryEvent } from './file-system.js'

// Nobody follows more in a window than this.
const MOST_EVENTS = 2_500

export interface DirectoryEventsDeps {
  readonly store: Pick<Store, 'items' | 'pathOf'>
  readonly attributesOf: (item: ItemRecord) => Attributes
}

/** What programs that watch directories are to be told of changes; by the state of now, which the store has already. */
export function directoryEvents(
  { store, attributesOf }: DirectoryEventsDeps,
  changes: readonly ItemChange[],
): readonly DirectoryEvent[] {
  const paths = new Map<Ino, readonly string[] | undefined>()
  const pathOf = (directory: Ino) => {
    if (!paths.has(directory)) {
      const item = store.items.byIno(directory)
      paths.set(directory, item && store.pathOf(item))
    }
    return paths.get(directory)
  }
  const events: DirectoryEvent[] = []
  for (const change of changes) {
    if (events.length === MOST_EVENTS) break
    const found = changeIn(store, change)
    const path = found && pathOf(found.parent)
    if (found === undefined || path === undefined) continue
    const { what, parent, name, isFolder, item } = found
    const attributes = item && attributesOf(item)
    events.push({ what, directory: nodeId(parent, 0), path, name, isFolder, attributes })
  }
  return events
}

interface Found extends Pick<DirectoryEvent, 'what' | 'name' | 'isFolder'> {
  readonly parent: Ino
  readonly item: ItemRecord | undefined
}

function changeIn(store: Pick<Store, 'items'>, change: ItemChange): Found | undefined {
  switch (change.kind) {
    case 'entry': {
      const { parent, name, isFolder, appeared } = change
      const item = store.items.byName(parent, name)
      if (!appeared && item === undefined)
        return { what: 'vanished', parent, name, isFolder, item: undefined }
      // Of what vanished and appeared under the same name, the second change tells.
      if (!appeared || item === undefined) return undefined
      return { what: 'appeared', parent, name, isFolder: isDirectory(item.kind), item }
    }
    case 'attributes':
    case 'content': {
      const item = store.items.byIno(change.ino)
      if (item?.kind !== 'file') return undefined
      return { what: 'changed', parent: item.parent, name: item.name, isFolder: false, item }
    }
    case 'vanished':
      return undefined
  }
}
