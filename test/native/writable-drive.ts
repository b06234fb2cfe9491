import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DriveProcess, run } from './drive-process.js'
import { type FileSpec, ROOT } from './memory-drive.js'

/** The node of `driveWithBase`'s file. */
export const FILE = 50
/** The first node that is made through the mount. */
export const MADE = 100_001

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export function writableDrive(
  t: Test,
  options: Parameters<DriveProcess['mount']>[0] = {},
): Promise<DriveProcess> {
  return DriveProcess.mount(t, { readOnly: false, ...options })
}

export interface World {
  readonly drive: DriveProcess
  /** What the other side has of `file`. */
  readonly bytes: Buffer
  readonly path: string
}

/** One file of 300,000 bytes, `file`, of which everything is local unless `spec` says otherwise. */
export async function driveWithBase(
  t: Test,
  spec: Partial<FileSpec> = {},
  options: Parameters<DriveProcess['mount']>[0] = {},
): Promise<World> {
  const drive = await writableDrive(t, options)
  const bytes = Buffer.alloc(300_000)
  for (let i = 0; i < bytes.length; i++) bytes[i] = 1 + ((i * 31 + (i >> 8)) % 255)
  const cache = join(drive.scratch, 'cache')
  writeFileSync(cache, bytes)
  await drive.drive('addFile', { parent: ROOT, name: 'file', node: FILE, size: bytes.length, cache, ...spec })
  return { drive, bytes, path: drive.path('file') }
}

const PRELUDE = `
import ctypes, errno, hashlib, mmap, os, random, sys
libc = ctypes.CDLL(None, use_errno=True)
def fallocate(fd, mode, offset, length):
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
KEEP_SIZE, PUNCH_HOLE, COLLAPSE_RANGE, ZERO_RANGE = 1, 2, 8, 16
def refused(work):
    try: work()
    except OSError as e: return errno.errorcode[e.errno]
    return 'done'
def file_hash(path):
    with open(path, 'rb') as f: return hashlib.sha256(f.read()).hexdigest()
`

/** Runs a Python program, which must end well. @returns what it printed */
export async function python(t: Test, program: string, ...args: readonly string[]): Promise<string> {
  const { code, signal, stdout, stderr } = await run('python3', '-c', PRELUDE + program, ...args)
  t.same({ code, signal }, { code: 0, signal: null }, stderr)
  return stdout.trim()
}

export const pythonArguments = (program: string, ...args: readonly string[]): string[] => [
  '-c',
  PRELUDE + program,
  ...args,
]
