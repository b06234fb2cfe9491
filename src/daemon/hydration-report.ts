import type { HydrationReport, HydrationVerdict } from '../control/answers.js'
import type { Ino } from '../model/ids.js'
import type { Store } from '../store/store.js'

/** @param directory where the drive is mounted; empty: nowhere */
export function hydrationReport(store: Store, directory: string): HydrationReport {
  const placed = <Row extends Recorded>({ ino, name, verdict, ...rest }: Row) => {
    const item = store.items.byIno(ino)
    const path = item === undefined ? name : [directory, ...(store.pathOf(item) ?? [])].join('/')
    return { ...rest, path, verdict: verdict as HydrationVerdict }
  }
  return { hydrations: store.hydrations.all().map(placed), refusals: store.hydrations.refusals().map(placed) }
}

interface Recorded {
  readonly ino: Ino
  readonly name: string
  readonly verdict: string
}
