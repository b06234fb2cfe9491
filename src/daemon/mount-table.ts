import { readFile } from 'node:fs/promises'

export interface MountEntry {
  readonly mountPoint: string
  /** `ext4`, `fuse.b2bmount` */
  readonly type: string
  /** Of a FUSE mount: who made it. */
  readonly userId: number | undefined
}

/** Our own file system type, as the kernel shows it. */
export const DRIVE_TYPE = 'fuse.b2bmount'

/** All mounts that this process sees, later ones on top of earlier ones; none where there is no /proc. */
export async function readMountTable(): Promise<readonly MountEntry[]> {
  try {
    return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'))
  } catch {
    return []
  }
}

/** @see proc_pid_mountinfo(5) */
export function parseMountInfo(mountInfo: string): readonly MountEntry[] {
  return mountInfo.split('\n').flatMap(line => {
    const [before, after] = line.split(' - ')
    const mountPoint = before?.split(' ')[4]
    const [type, , options] = after?.split(' ') ?? []
    if (mountPoint === undefined || type === undefined) return []
    const userId = /(?:^|,)user_id=(\d+)/.exec(options ?? '')?.[1]
    return [
      { mountPoint: unescape(mountPoint), type, userId: userId === undefined ? undefined : Number(userId) },
    ]
  })
}

/** The kernel writes space, tab, newline and backslash as three octal digits, byte by byte. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}
