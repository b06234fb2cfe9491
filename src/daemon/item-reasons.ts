import type { ItemStatus } from '../control/answers.js'
import { toProblem } from '../control/problem.js'
import type { PinKeeper } from '../fs/pin-keeper.js'
import type { ContentCache } from '../hydration/content-cache.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import { isUnsent, type Uploader } from '../uploads/uploader.js'
import type { RecentGivenBack } from './build-writing.js'
import { notDeletedOf, shown, unsentItem } from './unsent.js'

export interface ReasonDeps {
  readonly store: Store
  readonly uploads: Pick<Uploader, 'status'>
  readonly keeper: Pick<PinKeeper, 'failuresIn'>
  readonly cache: Pick<ContentCache, 'disagreements'>
  readonly givenBack: readonly RecentGivenBack[]
}

/** Why an item, or something in a folder, is as it is: what of it was not sent, what could not be had, what would not go. */
export function reasonsOf(
  deps: ReasonDeps,
  item: ItemRecord,
  directory: string,
): Pick<ItemStatus, 'unsent' | 'unsentIn' | 'problem' | 'problemAt' | 'notDeleted'> {
  const { store, uploads, keeper, cache, givenBack } = deps
  const place = store.pathOf(item) ?? []
  const isWithin = (path: readonly string[]) => place.every((name, depth) => path[depth] === name)
  const owed = uploads.status().filter(each => isUnsent(each) && isWithin(each.path))
  const first = owed.find(each => each.needsAttention) ?? owed[0]
  const [failure] = keeper.failuresIn(item.ino)
  const refusal = item.kind === 'file' ? cache.disagreements.refusalOf(item.ino) : undefined
  const problem = refusal ?? failure?.failing.fault
  const failed = failure && store.items.byIno(failure.ino)
  const at = failed && failed.ino !== item.ino ? store.pathOf(failed) : undefined
  const notDeleted = notDeletedOf({ store, givenBack }, directory).findLast(
    ({ path }) => path === shown(directory, place),
  )
  return {
    ...(first === undefined ? {} : { unsent: unsentItem(store, first, directory), unsentIn: owed.length }),
    ...(problem === undefined ? {} : { problem: toProblem(problem) }),
    ...(at === undefined ? {} : { problemAt: shown(directory, at) }),
    ...(notDeleted === undefined ? {} : { notDeleted }),
  }
}
