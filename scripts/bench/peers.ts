import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { detachMount } from '../../src/daemon/mount-probe.js'
import { readMountTable } from '../../src/daemon/mount-table.js'

const LONGEST_START_MILLISECONDS = 20_000

export interface Peer {
  readonly directory: string
  stop(): Promise<void>
}

/**
 * `rclone mount` of a local directory, with its defaults. `undefined`: not installed.
 * @param cache where files lie that are written; absent: for reading only
 */
export async function rcloneMount(
  source: string,
  directory: string,
  cache?: string,
): Promise<Peer | undefined> {
  if (!existsSync('/usr/bin/rclone')) return undefined
  await mkdir(directory, { recursive: true })
  const mode = cache === undefined ? ['--read-only'] : ['--vfs-cache-mode', 'writes', '--cache-dir', cache]
  const child = spawn('rclone', ['mount', ...mode, '--config', '/dev/null', source, directory], {
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  return mounted(child, directory)
}

/** One file over the fuse-native package. `undefined`: not installed. */
export async function fuseNativeMount(file: string, directory: string): Promise<Peer | undefined> {
  try {
    createRequire(import.meta.url).resolve('fuse-native')
  } catch {
    return undefined
  }
  await mkdir(directory, { recursive: true })
  const program = fileURLToPath(new URL('fuse-native-peer.js', import.meta.url))
  return mounted(
    spawn(process.execPath, [program, directory, file], { stdio: ['ignore', 'ignore', 'inherit'] }),
    directory,
  )
}

async function mounted(child: ChildProcess, directory: string): Promise<Peer> {
  const stop = async () => {
    await detachMount(directory).catch(() => undefined)
    child.kill('SIGKILL')
  }
  const end = Date.now() + LONGEST_START_MILLISECONDS
  while (!(await readMountTable()).some(({ mountPoint }) => mountPoint === directory)) {
    if (Date.now() > end || child.exitCode !== null) {
      await stop()
      throw new Error(`nothing was mounted at ${directory}`)
    }
    await setTimeout(20)
  }
  return { directory, stop }
}
