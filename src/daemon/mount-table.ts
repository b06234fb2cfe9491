import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface MountEntry {
  readonly mountPoint: string
  /** `ext4`, `fuse.b2bmount` */
  readonly type: string
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

/** Whether a drive is what is mounted at `directory`, which is not touched. Rejects when the system does not say. */
export async function isDriveMounted(directory: string): Promise<boolean> {
  if (process.platform !== 'linux') return (await mountsOfOtherSystems()).includes(` on ${directory} (`)
  const entries = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'))
  return entries.findLast(entry => entry.mountPoint === directory)?.type === DRIVE_TYPE
}

/** `b2bmount on /Users/ann/B2B (macfuse, nodev, …)` a line. @see mount(8) */
async function mountsOfOtherSystems(): Promise<string> {
  const limits = { timeout: 5_000, killSignal: 'SIGKILL' } as const
  return (await promisify(execFile)('mount', [], limits)).stdout
}

/** @see proc_pid_mountinfo(5) */
export function parseMountInfo(mountInfo: string): readonly MountEntry[] {
  return mountInfo.split('\n').flatMap(line => {
    const [before, after] = line.split(' - ')
    const mountPoint = before?.split(' ')[4]
    const [type] = after?.split(' ') ?? []
    return mountPoint === undefined || type === undefined ? [] : [{ mountPoint: unescape(mountPoint), type }]
  })
}

/** The kernel writes space, tab, newline and backslash as three octal digits, byte by byte. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
}
