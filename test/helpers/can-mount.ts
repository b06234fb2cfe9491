import { existsSync } from 'node:fs'

/** For tap's `skip`: why nothing can be mounted on this machine, or `false`. */
export const cannotMount: string | false = reason()

function reason(): string | false {
  if (process.platform !== 'linux') return 'the kernel transport is for Linux'
  if (!existsSync('/dev/fuse')) return 'this machine has no /dev/fuse'
  if (process.getuid?.() !== 0 && !existsSync('/usr/bin/fusermount3')) return 'fusermount3 is not installed'
  return false
}
