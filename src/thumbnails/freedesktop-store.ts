import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, open, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../concurrency/clock.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { ThumbnailBox } from '../model/thumbnail.js'
import { emptyPng, textsOf, withTexts, type PngTexts } from './png-text.js'

/** What a thumbnail is of, as a file manager sees it. */
export interface Depicted {
  readonly uri: string
  /** As `stat` reports it, in whole seconds. */
  readonly modifiedSeconds: number
  readonly size: Bytes
  /** Of the content; two contents may have the same time. */
  readonly version: string
}

export interface FreedesktopStoreDeps {
  /** `$XDG_CACHE_HOME/thumbnails`; need not be there. */
  readonly directory: string
  readonly clock: Clock
  /** Something went wrong that costs thumbnails only. Said once, until it is over. */
  readonly onTrouble: (event: string, failure: unknown) => void
}

const FOLDERS: Readonly<Record<ThumbnailBox, string>> = {
  128: 'normal',
  256: 'large',
  512: 'x-large',
  1024: 'xx-large',
}
/** The one place where GNOME, MATE and Cinnamon look before they make a thumbnail. */
const FAILED = join('fail', 'gnome-thumbnail-factory')
const SOFTWARE = 'b2bmount'
/** Our own key: whether a thumbnail of ours is of the present content. */
const VERSION_KEY = 'X-B2bmount::Version'
const HEAD: Bytes = 4096
const MOST_REMEMBERED = 20_000
// A full disk is not asked again for each of a thousand images.
const PAUSE: Milliseconds = 30_000

/**
 * The thumbnails that file managers share.
 * @see https://specifications.freedesktop.org/thumbnail-spec/latest/
 */
export class FreedesktopStore {
  readonly #deps: FreedesktopStoreDeps
  readonly #written = new LRUCache<string, string>({ max: MOST_REMEMBERED })
  readonly #made = new Set<string>()
  #pausedUntil: Milliseconds = 0
  #complained = false
  #permissionsSaid = false

  constructor(deps: FreedesktopStoreDeps) {
    this.#deps = deps
  }

  pathOf(uri: string, box: ThumbnailBox): string {
    return join(this.#deps.directory, FOLDERS[box], nameOf(uri))
  }

  /** @returns whether it stands there now */
  async write(depicted: Depicted, box: ThumbnailBox, png: Uint8Array): Promise<boolean> {
    const path = this.pathOf(depicted.uri, box)
    if (!(await this.#put(FOLDERS[box], path, withTexts(png, textsFor(depicted))))) return false
    this.#written.set(path, stampOf(depicted))
    await this.#remove(this.#failurePath(depicted.uri))
    return true
  }

  /** Tells file managers that trying is of no use while the file is as it is. */
  async writeFailure(depicted: Depicted): Promise<boolean> {
    const path = this.#failurePath(depicted.uri)
    if (!(await this.#put(FAILED, path, withTexts(emptyPng(), textsFor(depicted))))) return false
    this.#written.set(path, stampOf(depicted))
    return true
  }

  /** Whether a thumbnail of this very content stands there. */
  holds(depicted: Depicted, box: ThumbnailBox): Promise<boolean> {
    return this.#isOf(this.pathOf(depicted.uri, box), depicted)
  }

  holdsFailure(depicted: Depicted): Promise<boolean> {
    return this.#isOf(this.#failurePath(depicted.uri), depicted)
  }

  async removeFailure(uri: string): Promise<void> {
    await this.#remove(this.#failurePath(uri))
  }

  /** Whatever is there of this address, whoever made it: the content is over. */
  async forget(uri: string): Promise<void> {
    const paths = Object.values(FOLDERS).map(folder => join(this.#deps.directory, folder, nameOf(uri)))
    await Promise.all([...paths, this.#failurePath(uri)].map(path => this.#remove(path)))
  }

  #failurePath(uri: string): string {
    return join(this.#deps.directory, FAILED, nameOf(uri))
  }

  async #isOf(path: string, depicted: Depicted): Promise<boolean> {
    if (this.#written.get(path) === stampOf(depicted)) return true
    const texts = await readTexts(path)
    if (texts['Thumb::URI'] !== depicted.uri) return false
    if (texts['Thumb::MTime'] !== String(depicted.modifiedSeconds)) return false
    // Another program's has no version; that it is removed with its content has been seen to.
    const version = texts[VERSION_KEY]
    if (version !== undefined && version !== digestOf(depicted.version)) return false
    this.#written.set(path, stampOf(depicted))
    return true
  }

  async #put(folder: string, path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#deps.clock.now() < this.#pausedUntil) return false
    try {
      await this.#makeFolder(folder)
      await writeSafely(path, bytes)
      this.#complained = false
      return true
    } catch (failure) {
      this.#made.clear()
      this.#pausedUntil = this.#deps.clock.now() + PAUSE
      if (!this.#complained) this.#deps.onTrouble('thumbnail-folder-unusable', failure)
      this.#complained = true
      return false
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#made.has(folder)) return
    const { directory } = this.#deps
    await mkdir(join(directory, folder), { recursive: true, mode: 0o700 })
    this.#made.add(folder)
    const problem = await unsafePermissions(directory)
    if (problem !== undefined && !this.#permissionsSaid) {
      this.#permissionsSaid = true
      this.#deps.onTrouble('thumbnail-folder-unsafe', problem)
    }
  }

  async #remove(path: string): Promise<void> {
    this.#written.delete(path)
    try {
      await unlink(path)
    } catch {
      // Not there, or not to be changed: then it is as good as the folder allows.
    }
  }
}

/** What is wrong with the folder of everybody's previews; `undefined` where nothing is, or where there is none. */
export async function unsafePermissions(directory: string): Promise<string | undefined> {
  const found = await lstat(directory).catch(() => undefined)
  if (found === undefined) return undefined
  if (found.uid !== process.getuid?.()) return `${directory} belongs to another user`
  if ((found.mode & 0o022) !== 0) return `Other users of this machine can write to ${directory}`
  if ((found.mode & 0o055) !== 0) return `Other users of this machine can look into ${directory}`
  return undefined
}

function textsFor({ uri, modifiedSeconds, size, version }: Depicted): PngTexts {
  return {
    'Thumb::URI': uri,
    'Thumb::MTime': String(modifiedSeconds),
    'Thumb::Size': String(size),
    Software: SOFTWARE,
    [VERSION_KEY]: digestOf(version),
  }
}

function stampOf({ modifiedSeconds, version }: Depicted): string {
  return `${modifiedSeconds} ${version}`
}

function digestOf(version: string): string {
  return createHash('sha256').update(version).digest('hex').slice(0, 32)
}

/** "The MD5 of the absolute canonical URI of the original file, in lower-case hexadecimal." */
function nameOf(uri: string): string {
  return `${createHash('md5').update(uri).digest('hex')}.png`
}

/** By a temporary file of the same folder: nobody sees half a thumbnail. */
export async function writeSafely(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(temporary, bytes, { mode: 0o600, flag: 'wx' })
    await rename(temporary, path)
  } catch (failure) {
    await unlink(temporary).catch(() => {})
    throw failure
  }
}

async function readTexts(path: string): Promise<PngTexts> {
  try {
    const file = await open(path, 'r')
    try {
      const head = Buffer.alloc(HEAD)
      const { bytesRead } = await file.read(head, 0, HEAD, 0)
      return textsOf(head.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch {
    return {}
  }
}
