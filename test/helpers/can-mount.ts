import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { loadFuseNative } from '../../src/transport/fuse-native-package.js'

/** For tap's `skip`: why nothing can be mounted on this machine, or `false`. */
export const cannotMount: string | false = reason()

/** The same for a test of root that mounts as somebody else. */
export function othersCannotMount(): string | false {
  // fusermount3 opens the device with the rights of who calls it.
  return (statSync('/dev/fuse').mode & 0o006) === 0o006 ? false : 'only root may open /dev/fuse here'
}

/** The same for the package fuse-native, which is optional. */
export const cannotMountByFuseNative: string | false = cannotMount || fuseNativeReason()

function fuseNativeReason(): string | false {
  try {
    loadFuseNative()
    return false
  } catch (failure) {
    return `fuse-native cannot be loaded: ${String(failure).split('\n')[0] ?? ''}`
  }
}

function reason(): string | false {
  if (process.platform !== 'linux') return 'the kernel transport is for Linux'
  if (!existsSync('/dev/fuse')) return 'this machine has no /dev/fuse'
  if (!isAccessible('/dev/fuse')) return 'only root may open /dev/fuse here'
  if (process.getuid?.() !== 0 && !existsSync('/usr/bin/fusermount3')) return 'fusermount3 is not installed'
  return false
}

function isAccessible(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}
