import { timestamp } from '../clock.js'
import { type Answer, empty, json, redirect } from '../http/answer.js'
import type { DownloadUrls } from '../sharepoint/download-urls.js'
import type { Content } from '../world/content.js'
import type { Author } from '../world/drive.js'
import type { World } from '../world/world.js'
import type { Access, PlacedDrive, PlacedItem } from './access.js'
import type { Segment } from './address.js'
import { badRequest, notFound } from './graph-error.js'
import { authorJson } from './item-json.js'
import type { GraphRequest } from './request.js'
import type { Match } from './resources.js'
import { requireUnlocked, requireWrite } from './writes/permit.js'
import { findItem, type Where } from './writes/target.js'
import type { WriteDeps } from './writes/writes.js'

export interface VersionsDeps {
  readonly world: World
  readonly access: Access
  readonly downloadUrls: DownloadUrls
}

type FindItem = (request: GraphRequest) => Promise<PlacedItem>

interface Version {
  readonly number: number
  readonly content: Content
  readonly modified: number
  readonly by: Author
}

/** `versions` of a file: the states that its content has had, the present one included. */
export class Versions {
  readonly #deps: VersionsDeps

  constructor(deps: VersionsDeps) {
    this.#deps = deps
  }

  match(find: FindItem, [id, part, ...more]: readonly Segment[]): Match | undefined {
    if (!id) return { name: 'versions', run: async request => this.#list(request, await find(request)) }
    if (!part)
      return { name: 'version', run: async request => this.#get(request, await find(request), id.name) }
    if (part.name !== 'content' || more.length > 0) return undefined
    return {
      name: 'version-content',
      run: async request => this.#content(request, await find(request), id.name),
    }
  }

  #list(request: GraphRequest, placed: PlacedItem): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    const { drive, item } = placed
    return json(200, {
      '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#drives('${drive.id}')/items('${item.id}')/versions`,
      value: versionsOf(placed).map(version => this.#versionJson(placed, version)),
    })
  }

  #get(request: GraphRequest, placed: PlacedItem, id: string): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    return json(200, this.#versionJson(placed, versionById(placed, id)))
  }

  #content(request: GraphRequest, placed: PlacedItem, id: string): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    const { number } = versionById(placed, id)
    if (number === placed.drive.versionOf(placed.item)) {
      throw badRequest('You cannot get the content of the current version.')
    }
    return redirect(this.#url(placed, number))
  }

  #versionJson(placed: PlacedItem, { number, modified, by, content }: Version) {
    const isCurrent = number === placed.drive.versionOf(placed.item)
    return {
      '@microsoft.graph.downloadUrl': this.#url(placed, isCurrent ? undefined : number),
      id: `${number}.0`,
      lastModifiedBy: { user: authorJson(by) },
      lastModifiedDateTime: timestamp(modified),
      size: content.size,
    }
  }

  #url({ site, drive, item }: PlacedItem, number: number | undefined): string {
    return this.#deps.downloadUrls.make(site, drive, item, this.#deps.world.clock.now(), number)
  }
}

/** `POST …/versions/{id}/restoreVersion`: the same content again, as a new version. */
export function restoreVersion(
  deps: WriteDeps,
  request: GraphRequest,
  at: PlacedDrive,
  where: Where,
  id: string,
): Answer {
  const placed = findItem(at, where)
  const by = requireWrite(deps.access, request.caller, placed)
  requireUnlocked(placed.item, by)
  const { content } = versionById(placed, id)
  at.drive.replaceContent(placed.item, content, deps.world.clock.now(), undefined, { by })
  return empty(204)
}

/** Newest first. */
function versionsOf({ drive, item }: PlacedItem): Version[] {
  if (!item.content) throw badRequest('Only files have versions.')
  const current = {
    number: drive.versionOf(item),
    content: item.content,
    modified: item.modified,
    by: item.modifiedBy ?? item.by,
  }
  return [...(item.history ?? []), current].reverse()
}

function versionById(placed: PlacedItem, id: string): Version {
  const version = versionsOf(placed).find(each => `${each.number}.0` === id)
  if (!version) throw notFound()
  return version
}
