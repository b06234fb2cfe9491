import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkWriting } from './check-writing.js'
import type { DemoDrive } from './demo-drive.js'
import { suggestions, type Suggestion } from './demo-suggestions.js'
import { drivePlaces } from './drive-places.js'

/** Larger files are read by ranges only: the demo is to be short. */
const LARGEST_WHOLE_BYTES = 300_000_000
const RANGE_BYTES = 100_003
const READERS = 4
const READER_DEADLINE_MILLISECONDS = 120_000

export interface CheckRow {
  readonly what: string
  readonly files: number
  readonly bytes: number
  readonly seconds: number
  /** Empty: all is as it should be. */
  readonly problems: readonly string[]
}

interface DriveFile {
  readonly path: string
  readonly size: number
  /** Query of the emulator's `/bytes` and `/sha256`. */
  readonly query: string
}

/** Reads the drive in every way, writes, renames and deletes at its top, and compares with the emulator's own bytes. */
export async function checkDrive(drive: DemoDrive, onRow: (row: CheckRow) => void): Promise<boolean> {
  const rows: CheckRow[] = []
  const add = (what: string, files: readonly unknown[], { milliseconds, ...checked }: Checked) => {
    const row = { what, files: files.length, seconds: milliseconds / 1000, ...checked }
    rows.push(row)
    onRow(row)
  }

  const start = performance.now()
  const files = await walk(drive)
  const problems = files.length === 0 ? ['nothing is there'] : []
  add('walk', files, { bytes: 0, milliseconds: performance.now() - start, problems })

  const whole = files.filter(({ size }) => size <= LARGEST_WHOLE_BYTES)
  const shared = whole.reduce<DriveFile | undefined>(
    (a, b) => (a === undefined || b.size > a.size ? b : a),
    undefined,
  )
  const ranged = files.filter(({ size }) => size > RANGE_BYTES)
  add('several readers at once', shared === undefined ? [] : [shared], await severalReaders(drive, shared))
  add('ranges', ranged, await ranges(drive, ranged))
  add('whole, first time', whole, await wholeFiles(drive, whole))
  add('whole, again', whole, await wholeFiles(drive, whole))
  const { files: written, ...writing } = await checkWriting(drive)
  add('written, renamed, deleted', written, writing)
  const suggested = suggestions(drive).filter(({ isInteractive }) => isInteractive !== true)
  add('what the demo suggests', [], await runSuggestions(suggested))
  return rows.every(({ problems }) => problems.length === 0)
}

export interface Checked {
  readonly bytes: number
  /** Of reading or writing, without asking the emulator. */
  readonly milliseconds: number
  readonly problems: readonly string[]
}

async function walk(drive: DemoDrive): Promise<readonly DriveFile[]> {
  const places = await drivePlaces(drive)
  const files: DriveFile[] = []
  for (const library of drive.libraries) {
    for (const entry of await readdir(places.rootOf(library), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      files.push({ path, size: (await stat(path)).size, query: places.queryOf(library, path) })
    }
  }
  return files
}

async function wholeFiles(drive: DemoDrive, files: readonly DriveFile[]): Promise<Checked> {
  const problems: string[] = []
  let [bytes, milliseconds] = [0, 0]
  for (const file of files) {
    const { sha256, size } = await drive.sandbox.admin<{ sha256: string; size: number }>(
      'GET',
      `/sha256?${file.query}`,
    )
    const start = performance.now()
    const read = await hashOf(file.path)
    milliseconds += performance.now() - start
    bytes += read.bytes
    if (file.size !== size || read.bytes !== size)
      problems.push(`${file.path}: ${read.bytes} bytes, not ${size}`)
    else if (read.sha256 !== sha256) problems.push(`${file.path}: other bytes`)
  }
  return { bytes, milliseconds, problems }
}

async function hashOf(path: string): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  const file = await open(path)
  try {
    const buffer = Buffer.alloc(1024 * 1024)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return { sha256: hash.digest('hex'), bytes }
      hash.update(buffer.subarray(0, bytesRead))
      bytes += bytesRead
    }
  } finally {
    await file.close()
  }
}

/** The beginning, the end and an odd place in the middle. */
async function ranges(drive: DemoDrive, files: readonly DriveFile[]): Promise<Checked> {
  const problems: string[] = []
  let [bytes, milliseconds] = [0, 0]
  for (const { path, size, query } of files) {
    const file = await open(path)
    try {
      for (const start of [size - RANGE_BYTES, 0, Math.floor(size / 3) + 1]) {
        const length = Math.min(RANGE_BYTES, size - start)
        const begin = performance.now()
        const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, start)
        milliseconds += performance.now() - begin
        const range = `bytes=${start}-${start + length - 1}`
        const expected = await drive.sandbox.adminBytes(`/bytes?${query}`, { range })
        bytes += bytesRead
        if (bytesRead !== length || !buffer.equals(expected))
          problems.push(`${path}: other bytes in ${range}`)
      }
    } finally {
      await file.close()
    }
  }
  return { bytes, milliseconds, problems }
}

/** Programs of their own that read the same file, which nobody has read before. */
async function severalReaders(drive: DemoDrive, file: DriveFile | undefined): Promise<Checked> {
  if (file === undefined) return { bytes: 0, milliseconds: 0, problems: ['no file is small enough'] }
  const { sha256 } = await drive.sandbox.admin<{ sha256: string }>('GET', `/sha256?${file.query}`)
  const start = performance.now()
  const readers = Array.from({ length: READERS }, () =>
    promisify(execFile)('sha256sum', ['--', file.path], {
      timeout: READER_DEADLINE_MILLISECONDS,
      killSignal: 'SIGKILL',
    }),
  )
  const outcomes = await Promise.allSettled(readers)
  const milliseconds = performance.now() - start
  const problems = outcomes.flatMap((outcome, i) => {
    if (outcome.status === 'rejected')
      return [`reader ${i + 1} of ${file.path} failed: ${String(outcome.reason)}`]
    return outcome.value.stdout.startsWith(sha256) ? [] : [`reader ${i + 1} of ${file.path}: other bytes`]
  })
  return { bytes: file.size * READERS, milliseconds, problems }
}

/** As they are printed, one after the other. */
async function runSuggestions(suggested: readonly Suggestion[]): Promise<Checked> {
  const start = performance.now()
  const problems: string[] = []
  for (const { command } of suggested) {
    try {
      await promisify(execFile)('sh', ['-e', '-c', command], {
        timeout: READER_DEADLINE_MILLISECONDS,
        killSignal: 'SIGKILL',
      })
    } catch (failure) {
      problems.push(`${command}: ${(failure as { stderr?: string }).stderr ?? String(failure)}`)
    }
  }
  return { bytes: 0, milliseconds: performance.now() - start, problems }
}
