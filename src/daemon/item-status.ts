import type { ItemStatus } from '../control/answers.js'
import { stateOf, type StateDeps } from '../fs/item-state.js'
import { Fault } from '../model/fault.js'
import { ROOT_INO } from '../model/ids.js'
import { NO_LIBRARY, type ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'

/** Where `path` leads on the drive that is mounted at `directory`, by the store alone. @throws {Fault} `item-not-found` */
export function itemAt(store: Store, directory: string, path: string): ItemRecord {
  const names = path.slice(directory.length).split('/').filter(Boolean)
  let item = store.items.byIno(ROOT_INO)
  for (const name of names) {
    item = item && store.items.byName(item.ino, name)
  }
  if (item === undefined) {
    throw new Fault('item-not-found', `There is no ${path}, as far as the drive knows`, {
      nextStep: 'List its folder once, so that the drive knows what is in it',
    })
  }
  return item
}

/**
 * @param path as the user wrote it
 * @param looks whether to say of a folder what is in it, which takes a millisecond
 */
export function itemStatus(
  deps: StateDeps & { readonly store: Store },
  item: ItemRecord,
  path: string,
  looks: 'into folders' | 'at files' = 'into folders',
): ItemStatus {
  const { store } = deps
  const localBytes = item.kind === 'file' ? store.content.localBytes(item.ino, item.generation) : 0
  return {
    path,
    kind: item.kind === 'file' ? 'file' : 'folder',
    state: item.kind === 'file' || looks === 'into folders' ? stateOf(deps, item, localBytes) : undefined,
    pin: store.pins.of(item.ino),
    size: item.size,
    localBytes,
    modified: item.modified,
    library: item.library === NO_LIBRARY ? undefined : store.libraries.byId(item.library),
    webUrl: store.webUrlOf(item),
  }
}
