import { lstat, readdir, type FileHandle } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { FileContent } from './content.js'
import { type Drive, type DriveSource, type Item, pathOf } from './drive.js'
import { guidFrom } from './guid.js'
import { ifThere, isPlain, openPlainFile } from './plain-file.js'
import { QuickXorHash } from './quick-xor-hash.js'

/** Larger files are served without a hash, as SharePoint does for files that it has not finished with. */
const LARGEST_HASHED = 256 * 1024 * 1024

/**
 * Keeps a drive like a directory of this machine. The directory is read when somebody asks;
 * differences become changes of the drive. Ids come from paths: a file that is renamed on disk
 * is another file. Symbolic links, sockets, devices, what we may not read, and names that are not UTF-8 are left out.
 */
export class DiskMirror implements DriveSource {
  readonly startedAt: number
  readonly #drive: Drive
  /** Real. */
  readonly #directory: string
  readonly #now: () => number

  constructor(drive: Drive, directory: string, now: () => number) {
    this.#drive = drive
    this.#directory = directory
    this.#now = now
    this.startedAt = now()
  }

  async refreshItem(item: Item): Promise<void> {
    if (item.kind === 'folder') return
    const entry = await this.#stat(this.#pathOf(item))
    if (entry?.isFile()) await this.#refreshFile(item, entry)
    else this.#drive.remove(item, this.#now())
  }

  async refreshFolder(folder: Item): Promise<void> {
    const path = this.#pathOf(folder)
    const found = new Set<string>()
    for (const entry of await this.#list(path)) {
      if (!entry.isDirectory() && !entry.isFile()) continue
      found.add(entry.name)
      const known = folder.children.find(child => child.name === entry.name)
      const kind = entry.isDirectory() ? 'folder' : 'file'
      if (known && known.kind !== kind) this.#drive.remove(known, this.#now())
      const stat = await this.#stat(join(path, entry.name))
      if (!stat) continue
      if (known?.kind === kind) {
        if (kind === 'file') await this.#refreshFile(known, stat)
      } else {
        await this.#add(folder, entry.name, kind, stat)
      }
    }
    for (const child of [...folder.children]) {
      if (!found.has(child.name)) this.#drive.remove(child, this.#now())
    }
  }

  async refreshAll(): Promise<void> {
    const folders: Item[] = [this.#drive.root]
    for (let folder = folders.pop(); folder; folder = folders.pop()) {
      await this.refreshFolder(folder)
      folders.push(...folder.children.filter(child => child.kind === 'folder'))
    }
  }

  async #add(parent: Item, name: string, kind: 'file' | 'folder', stat: Stat): Promise<void> {
    const guid = guidFrom(this.#drive.listId, 'disk', ...pathOf(parent), name)
    const times = { created: floor(stat.birthtimeMs), modified: floor(stat.mtimeMs) }
    if (kind === 'folder') {
      this.#drive.addFolder(parent, name, { guid, ...times })
      return
    }
    const content = await this.#content(join(this.#pathOf(parent), name), stat.size)
    if (content === undefined) return
    // The eTag's number comes from the file's time: it means the same after a restart.
    this.#drive.addFile(parent, name, content, { guid, ...times, eTag: floor(stat.mtimeMs) })
  }

  async #refreshFile(item: Item, stat: Stat): Promise<void> {
    if (item.eTag === floor(stat.mtimeMs) && item.size === stat.size) return
    const content = await this.#content(this.#pathOf(item), stat.size)
    if (content === undefined) this.#drive.remove(item, this.#now())
    else this.#drive.replaceContent(item, content, floor(stat.mtimeMs), floor(stat.mtimeMs))
  }

  /** `undefined` for what is not served. */
  async #content(path: string, size: number): Promise<FileContent | undefined> {
    const file = await openPlainFile(path)
    if (file === undefined) return undefined
    try {
      return new FileContent(path, size, size <= LARGEST_HASHED ? await hashOf(file) : undefined)
    } finally {
      await file.close()
    }
  }

  #pathOf(item: Item): string {
    return join(this.#directory, ...pathOf(item))
  }

  async #list(path: string) {
    if (!(await isPlain(path))) return []
    return (await ifThere(readdir(path, { withFileTypes: true }))) ?? []
  }

  #stat(path: string): Promise<Stat | undefined> {
    return ifThere(lstat(path))
  }
}

type Stat = Pick<Stats, 'size' | 'mtimeMs' | 'birthtimeMs' | 'isFile'>

async function hashOf(file: FileHandle): Promise<string> {
  const hash = new QuickXorHash()
  const options = { highWaterMark: 1024 * 1024, autoClose: false }
  for await (const chunk of file.createReadStream(options) as AsyncIterable<Buffer>) hash.update(chunk)
  return hash.digest()
}

function floor(value: number): number {
  return Math.floor(value)
}
