import { execFile } from 'node:child_process'
import { access, constants, lstat, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'
import type { Check } from '../control/answers.js'
import type { Paths } from '../control/paths.js'
import { checkPrivateDirectory } from '../control/private-directory.js'
import { Fault } from '../model/fault.js'
import { formatBytes } from './format.js'

const LEAST_FREE_BYTES = 1e9
/** FOPEN_CACHE_DIR, READDIRPLUS and large requests are there since 4.20, FUSE_PASSTHROUGH since 6.9. */
const OLDEST_KERNEL = [4, 20] as const
const PASSTHROUGH_KERNEL = [6, 9] as const
const OLDEST_NODE = [20, 9] as const
const CONTROL_DIRECTORY = '/sys/fs/fuse/connections'
/** FUSE_CTL_SUPER_MAGIC of the kernel's fs/fuse/control.c */
const FUSE_CONTROL = 0x65735543

/** What this machine must offer; asks neither the network nor the daemon. */
export async function machineChecks(): Promise<readonly Check[]> {
  return [
    checkNode(),
    checkKernel(),
    ...(await Promise.all([checkFuseDevice(), checkFusermount(), checkControl()])),
  ]
}

/** Whether a mount gets a lifeline: docs/NATIVE.md, "When the process dies". */
export async function checkControl(
  isRoot = process.getuid?.() === 0,
  directory = CONTROL_DIRECTORY,
): Promise<Check> {
  const name = 'FUSE control'
  const isMounted = await statfs(directory).then(
    ({ type }) => type === FUSE_CONTROL,
    () => false,
  )
  if (isMounted) return { name, verdict: 'ok', found: directory }
  if (isRoot) return { name, verdict: 'ok', found: 'not mounted, and not needed by root' }
  return {
    name,
    verdict: 'warn',
    found: 'not mounted: programs may hang if the daemon is killed',
    nextStep: `Run:  sudo mount -t fusectl fusectl ${CONTROL_DIRECTORY}   (systemd does that)`,
  }
}

export async function directoryChecks(paths: Paths): Promise<readonly Check[]> {
  return Promise.all([
    checkDirectory('State directory', paths.stateDirectory),
    checkDirectory('Cache directory', paths.cacheDirectory),
    checkSpace(paths),
  ])
}

function checkNode(): Check {
  const found = process.versions.node
  return isAtLeast(found, OLDEST_NODE)
    ? { name: 'Node.js', verdict: 'ok', found }
    : {
        name: 'Node.js',
        verdict: 'fail',
        found,
        nextStep: `Install version ${OLDEST_NODE.join('.')} or newer.`,
      }
}

function checkKernel(): Check {
  const name = 'Kernel'
  const found = release()
  if (process.platform !== 'linux') return { name, verdict: 'warn', found: `${found}, not Linux` }
  if (!isAtLeast(found, OLDEST_KERNEL)) {
    return {
      name,
      verdict: 'warn',
      found,
      nextStep: `Large folders are faster with ${OLDEST_KERNEL.join('.')} or newer.`,
    }
  }
  const passthrough = isAtLeast(found, PASSTHROUGH_KERNEL) && process.getuid?.() === 0
  return { name, verdict: 'ok', found: passthrough ? `${found}, with passthrough` : found }
}

async function checkFuseDevice(): Promise<Check> {
  const name = '/dev/fuse'
  try {
    await access(name, constants.R_OK | constants.W_OK)
    return { name, verdict: 'ok', found: 'readable and writable' }
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      return {
        name,
        verdict: 'fail',
        found: 'missing',
        nextStep: 'Run:  sudo modprobe fuse   (in a container: --device /dev/fuse)',
      }
    }
    // fusermount3 is set-uid root, but opens the device with the user's own rights.
    return {
      name,
      verdict: 'fail',
      found: `not accessible (${code ?? 'unknown error'})`,
      nextStep: 'Run:  sudo chmod 666 /dev/fuse   (udev does that where it runs)',
    }
  }
}

async function checkFusermount(): Promise<Check> {
  const name = 'fusermount3'
  try {
    const { stdout } = await promisify(execFile)(name, ['--version'], {
      timeout: 5_000,
      killSignal: 'SIGKILL',
    })
    return { name, verdict: 'ok', found: stdout.trim().replace(/^fusermount3 version: /, '') }
  } catch {
    const needed = process.getuid?.() !== 0
    return {
      name,
      verdict: needed ? 'fail' : 'warn',
      found: needed ? 'missing' : 'missing, and not needed by root',
      nextStep: 'Run:  sudo apt-get install fuse3',
    }
  }
}

async function checkDirectory(name: string, directory: string): Promise<Check> {
  try {
    await checkPrivateDirectory(directory)
    await access(directory, constants.W_OK)
    return { name, verdict: 'ok', found: directory }
  } catch (failure) {
    if (failure instanceof Fault) {
      const { message, nextStep } = failure
      return { name, verdict: 'fail', found: message, ...(nextStep === undefined ? {} : { nextStep }) }
    }
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT') return { name, verdict: 'ok', found: `${directory}, not there yet` }
    return {
      name,
      verdict: 'fail',
      found: `${directory} is not accessible (${code ?? 'unknown error'})`,
      nextStep: `Check the owner and the mode of ${directory}.`,
    }
  }
}

async function checkSpace({ cacheDirectory, stateDirectory }: Paths): Promise<Check> {
  const name = 'Free space'
  for (const directory of [cacheDirectory, stateDirectory, '/']) {
    if (
      !(await lstat(directory).then(
        () => true,
        () => false,
      ))
    )
      continue
    const { bavail, bsize } = await statfs(directory)
    const free = bavail * bsize
    const found = `${formatBytes(free)} at ${directory}`
    if (free >= LEAST_FREE_BYTES) return { name, verdict: 'ok', found }
    return {
      name,
      verdict: 'warn',
      found,
      nextStep: 'Free some space: files are kept there once they are read.',
    }
  }
  return { name, verdict: 'warn', found: 'unknown' }
}

function isAtLeast(version: string, least: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(part => parseInt(part, 10))
  return major > least[0] || (major === least[0] && minor >= least[1])
}
