import type { LibraryId, TenantId } from '../model/ids.js'
import type { Task } from './plan.js'
import { SMALL } from './unsent-bytes.js'

/** Of one tenant. Its own throttling is behind that; another tenant's has nothing to do with it. */
const SMALL_AT_ONCE = 48
/** They share a link, and the files that wait behind them are small. */
const LARGE_AT_ONCE = 2

interface Lane {
  readonly most: number
  running: number
  /** The next one is the last. */
  waiting: Task[]
}

/** Which task begins next. Every tenant has its own lanes, and large files theirs: nobody waits for another's. */
export class TaskQueue {
  readonly #lanes = new Map<string, Lane>()
  readonly #laneOf = new WeakMap<Task, Lane>()

  get isEmpty(): boolean {
    for (const { waiting } of this.#lanes.values()) if (waiting.length > 0) return false
    return true
  }

  /** In place of what waited before. */
  fill(tasks: readonly Task[], tenantOf: (library: LibraryId) => TenantId | undefined): void {
    for (const lane of this.#lanes.values()) lane.waiting = []
    for (const task of [...tasks].reverse()) {
      const tenant = tenantOf(task.kind === 'item' ? task.owed.library : task.deletion.library)
      if (tenant === undefined) continue
      const lane = this.#lane(tenant, isLarge(task))
      lane.waiting.push(task)
      this.#laneOf.set(task, lane)
    }
  }

  /** To be given back with {@link ended}. */
  take(): Task | undefined {
    for (const lane of this.#lanes.values()) {
      if (lane.running >= lane.most) continue
      const task = lane.waiting.pop()
      if (task === undefined) continue
      lane.running++
      return task
    }
    return undefined
  }

  ended(task: Task): void {
    const lane = this.#laneOf.get(task)
    if (lane !== undefined) lane.running--
  }

  #lane(tenant: TenantId, large: boolean): Lane {
    const key = `${tenant} ${large}`
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane = { most: large ? LARGE_AT_ONCE : SMALL_AT_ONCE, running: 0, waiting: [] }
    this.#lanes.set(key, lane)
    return lane
  }
}

function isLarge(task: Task): boolean {
  return task.kind === 'item' && task.owed.content && task.item.size >= SMALL
}
