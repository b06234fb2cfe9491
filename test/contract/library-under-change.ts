import { editItem } from '../../src/emulator/admin/edit-item.js'
import { eTag } from '../../src/emulator/graph/item-json.js'
import type { Drive, Item } from '../../src/emulator/world/drive.js'
import type { Bytes, ItemId, ItemKey, Milliseconds, TenantId } from '../../src/model/ids.js'
import type { UploadProgress, UploadSession, UploadSource, UploadTarget } from '../../src/model/remote.js'
import type { World } from './open-client.js'

/** When the files of these tests were last changed: to the second, as SharePoint keeps it. */
export const MODIFIED: Milliseconds = Date.UTC(2011, 11, 13, 14, 15, 16)

let made = 0

/** A library of Contoso that nobody has touched and Ann may write to; with the emulator's own view of it. */
export class LibraryUnderChange {
  readonly #world: World
  readonly drive: Drive
  readonly root: ItemKey

  constructor(world: World) {
    this.#world = world
    const site = world.emulator.world.sites.find(each => each.path === '/sites/Design')
    const author = site?.libraries[0]?.author
    if (!site || !author) throw new Error('the world has no site Design')
    this.drive = site.addLibrary('Documents', `Changing ${++made}`, author)
    const tenant = site.tenant.id as TenantId
    this.root = { tenant, drive: this.drive.id, item: this.drive.rootId } as ItemKey
  }

  key(id: string): ItemKey {
    return { ...this.root, item: id as ItemId }
  }

  new(name: string, parent: ItemKey = this.root): UploadTarget {
    return { kind: 'new', parent, name }
  }

  /** What others do. */
  async edit(what: string, path: string, more: object = {}): Promise<void> {
    await editItem(this.#world.emulator.world, { do: what, drive: this.drive.id, path, ...more })
  }

  /** A file that is there already, with another time than ours. */
  async given(name: string, text = 'given'): Promise<{ readonly key: ItemKey; readonly eTag: string }> {
    await this.edit('create-file', '', { name, text })
    const item = this.at(name)
    return { key: this.key(item.id), eTag: eTag(item) }
  }

  at(path: string): Item {
    const item = this.drive.at(path.split('/'))
    if (!item) throw new Error(`there is no ${path}`)
    return item
  }

  get names(): string[] {
    return this.drive.sortedChildren(this.drive.root).map(({ name }) => name)
  }

  versions(path: string): number {
    return this.drive.versionOf(this.at(path))
  }

  async bytes(path: string): Promise<Buffer> {
    const { content } = this.at(path)
    if (!content) throw new Error(`${path} is not a file`)
    const reader = await content.open()
    const bytes = Buffer.alloc(content.size)
    for (let at = 0; at < bytes.length;) at += await reader.read(bytes.subarray(at), at)
    await reader.close()
    return bytes
  }
}

export function sourceOf(bytes: Buffer, modified = MODIFIED): UploadSource {
  return {
    size: bytes.length,
    modified,
    read: ({ start, end }) => Promise.resolve(bytes.subarray(start, end)),
  }
}

/** As the uploader keeps it; `kept` is what is found after a restart. */
export class Progress implements UploadProgress {
  readonly session: UploadSession | undefined
  readonly outdated: readonly UploadSession[]
  kept: UploadSession | undefined
  readonly reached: Bytes[] = []
  readonly #all = new Map<string, UploadSession>()

  constructor({ session, outdated = [] }: Partial<Pick<UploadProgress, 'session' | 'outdated'>> = {}) {
    this.session = session
    this.outdated = outdated
    this.kept = session
    for (const each of [...outdated, ...(session === undefined ? [] : [session])])
      this.#all.set(each.url, each)
  }

  /** Whose addresses are known, because they may be there. */
  get known(): UploadSession[] {
    return [...this.#all.values()]
  }

  setSession(session: UploadSession): void {
    this.kept = session
    this.#all.set(session.url, session)
  }

  left(session: UploadSession): void {
    if (this.kept?.url === session.url) this.kept = undefined
  }

  ended(session: UploadSession): void {
    this.left(session)
    this.#all.delete(session.url)
  }

  sent(bytes: Bytes): void {
    this.reached.push(bytes)
  }
}
