import { close, constants, futimes, mkdir, open, write, writeFile } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DirtyFiles, OpenDirty } from '../dirty/dirty-files.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, Ino } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import type { BaseContents, OpenBase } from './unsent-bytes.js'

const openFile = promisify(open)
const closeFile = promisify(close)
const writeAt = promisify(write)
const setTimes = promisify(futimes)
const makeDirectory = promisify(mkdir)
const writeNote = promisify(writeFile)

// One turn of the thread that serves the kernel: less than a millisecond.
const PIECE: Bytes = 1024 * 1024

export interface ExportDeps {
  readonly store: Pick<Store, 'owed' | 'items' | 'pathOf'>
  readonly dirty: DirtyFiles
  readonly base: BaseContents
}

export interface Exported {
  readonly files: number
  readonly bytes: Bytes
  /** Paths of files of which something could not be had. Each has a note beside it. */
  readonly incomplete: readonly string[]
  /** Paths of what could not be written, with the reason. */
  readonly failed: readonly { readonly path: string; readonly fault: Fault }[]
}

/**
 * Writes out every file that was changed here and not sent, whatever has become of the account: below `directory`, as on the
 * drive. Replaces nothing, and changes nothing of what is owed.
 *
 * @param directory absolute; created where it is not there
 * @throws the signal's reason; {@link Fault} `local-io`, `disk-full` where the directory itself cannot be used
 */
export async function exportUnsent(
  deps: ExportDeps,
  directory: string,
  signal: AbortSignal,
): Promise<Exported> {
  const { store, dirty } = deps
  let [files, bytes] = [0, 0]
  const incomplete: string[] = []
  const failed: { path: string; fault: Fault }[] = []
  await inDisk(() => makeDirectory(directory, { recursive: true, mode: 0o700 }))
  for (const ino of dirty.inos()) {
    signal.throwIfAborted()
    const item = store.items.byIno(ino)
    // Without an item the journal was lost, or the item is about to be forgotten: rather too much than too little.
    const names = (item && store.pathOf(item)) ?? ['unknown', String(ino)]
    const folder = join(directory, ...names.slice(0, -1))
    const name = names.at(-1) ?? String(ino)
    try {
      await inDisk(() => makeDirectory(folder, { recursive: true, mode: 0o700 }))
      const { path, size, missing } = await exportOne(deps, ino, item, folder, name, signal)
      files++
      bytes += size
      if (missing.length === 0) continue
      incomplete.push(path)
      await inDisk(() => writeNote(`${path}.incomplete`, noteOf(missing), { flag: 'wx', mode: 0o600 }))
    } catch (failure) {
      signal.throwIfAborted()
      if (!isFault(failure)) throw failure
      failed.push({ path: join(folder, name), fault: failure })
    }
  }
  return { files, bytes, incomplete, failed }
}

async function exportOne(
  { store, dirty, base }: ExportDeps,
  ino: Ino,
  item: ItemRecord | undefined,
  folder: string,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly size: Bytes; readonly missing: readonly ByteRange[] }> {
  const baseSize = store.owed.of(ino)?.base.size ?? 0
  const opened = dirty.open(ino, baseSize)
  const { path, fd } = await createNew(folder, name)
  const missing: ByteRange[] = []
  const baseBytes = new LazyBase(base, item, baseSize)
  try {
    const { size, modified } = opened.file
    for (let start = 0; start < size; start += PIECE) {
      signal.throwIfAborted()
      const range = { start, end: Math.min(size, start + PIECE) }
      const bytes = await pieceOf(opened, range, baseBytes, missing, signal)
      await inDisk(() => writeAll(fd, bytes, start))
    }
    const time = (item?.modified ?? modified) / 1_000
    await inDisk(() => setTimes(fd, time, time))
    return { path, size, missing }
  } finally {
    baseBytes.close()
    dirty.release(opened)
    await closeFile(fd)
  }
}

async function pieceOf(
  { file }: OpenDirty,
  range: ByteRange,
  base: LazyBase,
  missing: ByteRange[],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const gaps = file.fromBase(range)
  const bytes = file.read(range)
  for (const gap of gaps) {
    const found = await base.read(gap, signal)
    if (found === undefined) missing.push(gap)
    else bytes.set(found, gap.start - range.start)
  }
  return bytes
}

/** The content that a change began with, as far as it can be had. */
class LazyBase {
  readonly #open: () => OpenBase | undefined
  #base: OpenBase | undefined
  #isOver = false

  constructor(base: BaseContents, item: ItemRecord | undefined, size: Bytes) {
    this.#open = () => item && base.open(item, size)
  }

  async read(range: ByteRange, signal: AbortSignal): Promise<Uint8Array | undefined> {
    // Who is offline for one range is offline for the next: nobody waits a hundred times.
    if (this.#isOver) return undefined
    try {
      this.#base ??= this.#open()
      return await this.#base?.read(range, signal)
    } catch (failure) {
      if (signal.aborted || !isFault(failure)) throw failure
      this.#isOver = true
      return undefined
    }
  }

  close(): void {
    this.#base?.close()
  }
}

/** Under the name, or another one like it where there is something. */
async function createNew(
  folder: string,
  name: string,
): Promise<{ readonly path: string; readonly fd: number }> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  for (let attempt = 1; ; attempt++) {
    const path = join(folder, attempt === 1 ? name : `${name}.${attempt}`)
    try {
      return { path, fd: await openFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600) }
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'EEXIST') throw exportFault(failure)
    }
  }
}

async function writeAll(fd: number, bytes: Uint8Array, start: Bytes): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await writeAt(fd, bytes, done, bytes.length - done, start + done)
    done += bytesWritten
  }
}

function noteOf(missing: readonly ByteRange[]): string {
  const lines = missing.map(({ start, end }) => `bytes ${start} to ${end - 1}`)
  return [
    'Only what was written on this machine, and what of the rest was here, could be exported.',
    'The file has zeros where these bytes, which nobody here has, belong:',
    ...lines,
    '',
  ].join('\n')
}

async function inDisk<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (failure) {
    throw exportFault(failure)
  }
}

function exportFault<Failure>(failure: Failure): Failure | Fault {
  const { code } = failure as NodeJS.ErrnoException
  if (code === undefined || failure instanceof Fault) return failure
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Fault('disk-full', 'There is no space left where the files are to be exported to', {
      cause: failure,
    })
  }
  return new Fault('local-io', `The files cannot be exported to there (${code})`, {
    nextStep: 'Choose another directory',
    cause: failure,
  })
}
