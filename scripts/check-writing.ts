import { constants } from 'node:fs'
import { access, mkdir, readdir, rename, rmdir, stat, unlink, writeFile } from 'node:fs/promises'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { LibraryStatus } from '../src/control/answers.js'
import type { Checked } from './check-drive.js'
import type { DemoDrive } from './demo-drive.js'
import { drivePlaces, type DrivePlaces } from './drive-places.js'

/** From nothing over one request's worth to a few fragments of an upload session. */
const SIZES_BYTES = [0, 20_000, 12_345_678]

/** As {@link Checked}, with the files that were written. */
export interface CheckedWriting extends Checked {
  readonly files: readonly string[]
}

/**
 * Writes files at the top of every library that may be written, renames and deletes them, as whoever runs it, and asks
 * the emulator after each step what it has. Everything above is listed with its attributes before, as file managers do.
 */
export async function checkWriting(drive: DemoDrive): Promise<CheckedWriting> {
  const places = await drivePlaces(drive)
  const writable = drive.libraries.filter(library => library.access === 'write')
  const problems: string[] = writable.length === 0 ? ['no library may be written'] : []
  const files: string[] = []
  let [bytes, milliseconds] = [0, 0]
  for (const library of writable) {
    const root = places.rootOf(library)
    try {
      const start = performance.now()
      for (const directory of [drive.directory, join(drive.directory, library.organization), root]) {
        for (const name of await readdir(directory)) await stat(join(directory, name))
      }
      await access(root, constants.W_OK)
      milliseconds += performance.now() - start
      for (const size of SIZES_BYTES) {
        const path = join(root, `check ${size}.bin`)
        files.push(path)
        bytes += size
        milliseconds += await lifeOfAFile(drive, places, library, path, randomBytes(size))
      }
    } catch (failure) {
      problems.push(`${root}: ${(failure as Error).message}`)
    }
  }
  return { files, bytes, milliseconds, problems }
}

/** @returns milliseconds until it was there each time. @throws {Error} where the emulator has something else */
async function lifeOfAFile(
  drive: DemoDrive,
  places: DrivePlaces,
  library: LibraryStatus,
  path: string,
  content: Buffer,
): Promise<number> {
  const start = performance.now()
  const expected = createHash('sha256').update(content).digest('hex')
  const there = async (at: string) => {
    await drive.sandbox.json('sync', '--wait')
    return sha256There(drive, places.queryOf(library, at))
  }
  const is = (what: string, found: string | undefined, wanted: string | undefined) => {
    if (found !== wanted)
      throw new Error(`${path}, ${what}: the other organization has ${found ?? 'nothing'}`)
  }
  await writeFile(path, content)
  is('written', await there(path), expected)

  const folder = `${path} moved`
  const moved = join(folder, 'renamed.bin')
  await mkdir(folder)
  await rename(path, moved)
  is('renamed', await there(moved), expected)
  is('renamed, by its old name', await there(path), undefined)

  await unlink(moved)
  await rmdir(folder)
  is('deleted', await there(moved), undefined)
  return performance.now() - start
}

/** `undefined`: nothing is there. */
async function sha256There({ sandbox }: DemoDrive, query: string): Promise<string | undefined> {
  try {
    return (await sandbox.admin<{ sha256: string }>('GET', `/sha256?${query}`)).sha256
  } catch (failure) {
    if ((failure as Error).message.includes(': 404 ')) return undefined
    throw failure
  }
}
