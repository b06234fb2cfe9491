import type { Test } from 'tap'
import type { Library } from '../../src/model/library.js'
import type { SyncDeps } from '../../src/sync/library-follower.js'
import { LibrarySync } from '../../src/sync/library-sync.js'
import { startWorld, until, type DriveWorld, type DriveWorldOptions } from './drive-world.js'

export interface SyncedWorld {
  readonly world: DriveWorld
  readonly sync: LibrarySync
  readonly library: Library
  /** Pulls now, and waits for what comes of it. */
  readonly pull: () => Promise<void>
}

/** A drive whose one library is followed. The first pull has ended. */
export async function startSyncedWorld(
  t: Test,
  options: DriveWorldOptions = {},
  more: Partial<SyncDeps> = {},
): Promise<SyncedWorld> {
  const world = startWorld(t, options)
  const library = world.library()
  const { store, drive, clock, remote } = world
  let ended = 0
  const sync = new LibrarySync({
    store,
    drive,
    clock,
    delta: remote,
    items: remote,
    guard: world.guard,
    ...more,
    offline: {
      noteSuccess: () => {
        ended++
      },
    },
    onTrouble: event => {
      world.troubles.push(event)
      if (event === 'library-not-pulled') ended++
    },
  })
  t.teardown(() => sync.close())
  sync.start()
  await until(() => ended > 0)
  const pull = async () => {
    const before = ended
    sync.wake(library.id)
    await until(() => ended > before)
  }
  return { world, sync, library, pull }
}
