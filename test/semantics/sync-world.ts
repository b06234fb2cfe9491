import type { Test } from 'tap'
import { LibrarySync } from '../../src/sync/library-sync.js'
import { settle, startWorld, type DriveWorld, type DriveWorldOptions } from './drive-world.js'

export interface SyncedWorld {
  readonly world: DriveWorld
  readonly sync: LibrarySync
  /** Pulls now, and waits for what comes of it. */
  pull(): Promise<void>
}

/** A drive whose one library is followed. The first pull has ended. */
export async function startSyncedWorld(t: Test, options: DriveWorldOptions = {}): Promise<SyncedWorld> {
  const world = startWorld(t, options)
  const library = world.library()
  const { store, drive, clock, remote } = world
  const sync = new LibrarySync({
    store,
    drive,
    clock,
    delta: remote,
    offline: { noteSuccess: () => {} },
    onTrouble: event => void world.troubles.push(event),
  })
  t.teardown(() => sync.close())
  const pull = async () => {
    const before = remote.cursors.length
    sync.wake(library.id)
    await settle(() => remote.cursors.length > before)
    await settle(() => false, 50)
  }
  sync.start()
  await settle(() => false, 50)
  return { world, sync, pull }
}
