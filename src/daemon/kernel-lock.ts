import { spawnSync } from 'node:child_process'
import { loadNativeAddon } from '../transport/native-addon.js'

/** `tryLock` of the native addon. */
export type TryLock = (fd: number) => 'locked' | 'held' | 'impossible'

const LOCKED = 0
const HELD = 1

/** Where the addon could not be built, by the program flock(1): the lock belongs to the open file, which it shares with us. */
export function kernelLock(): TryLock {
  try {
    return loadNativeAddon().tryLock
  } catch {
    return lockByProgram
  }
}

/** @see flock(1) */
export function lockByProgram(fd: number): ReturnType<TryLock> {
  const { status } = spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] })
  if (status === LOCKED) return 'locked'
  return status === HELD ? 'held' : 'impossible'
}
