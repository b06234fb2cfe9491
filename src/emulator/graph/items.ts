import { type Answer, empty, json, redirect } from '../http/answer.js'
import { header } from '../http/exchange.js'
import type { DownloadUrls } from '../sharepoint/download-urls.js'
import type { Item } from '../world/drive.js'
import type { World } from '../world/world.js'
import type { Access, PlacedItem } from './access.js'
import { accessDenied, badRequest, notFound, refuse } from './graph-error.js'
import { eTag, itemJson, publication, sharepointIds, viewpoint } from './item-json.js'
import { DOWNLOAD_URL, notEmulatedOption, pick, selectOf } from './odata.js'
import { type GraphRequest, linkTo } from './request.js'
import type { Thumbnails } from './thumbnails.js'

const PAGE = 200

export interface ItemsDeps {
  readonly world: World
  readonly access: Access
  readonly downloadUrls: DownloadUrls
  readonly thumbnails: Thumbnails
}

/** driveItem: get, children, content. */
export class Items {
  readonly #deps: ItemsDeps

  constructor(deps: ItemsDeps) {
    this.#deps = deps
  }

  get(request: GraphRequest, placed: PlacedItem): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    const value = this.#render(request, placed)
    for (const expand of request.options.expand) {
      if (/^thumbnails\b/.test(expand)) {
        if (!this.#deps.world.thumbnails.expandable) continue
        value['thumbnails'] = this.#deps.thumbnails.sets(placed, selectOf(expand))
        continue
      }
      if (expand !== 'children') throw notEmulatedOption(`$expand=${expand}`)
      const children = placed.drive.sortedChildren(placed.item).slice(0, PAGE)
      value['children'] = children.map(item => this.#render(request, { ...placed, item }, ['*']))
    }
    const context = `https://${request.exchange.host}/v1.0/$metadata#drives('${placed.drive.id}')/items/$entity`
    return json(200, { '@odata.context': context, ...value })
  }

  async children(request: GraphRequest, placed: PlacedItem): Promise<Answer> {
    this.#deps.access.requireItem(request.caller, placed)
    const { options } = request
    // "Using these calls to expand the thumbnails collection will not work". How not is written nowhere; as delta does.
    if (options.expand.some(each => /^thumbnails\b/.test(each))) {
      throw badRequest('The query specified in the URI is not valid.', 'badArgument')
    }
    if (options.expand.length > 0) throw notEmulatedOption(`$expand=${options.expand.join(',')} on children`)
    await placed.drive.source?.refreshFolder(placed.item)
    const sorted = ordered(placed.drive.sortedChildren(placed.item), options.orderBy)
    const start = options.skipToken === undefined ? 0 : positionAfter(sorted, options.skipToken)
    const page = sorted.slice(start, start + (options.top ?? PAGE))
    const last = page.at(-1)
    const more = last !== undefined && start + page.length < sorted.length
    const context = `https://${request.exchange.host}/v1.0/$metadata#drives('${placed.drive.id}')/items('${placed.item.id}')/children`
    return json(200, {
      '@odata.context': context,
      ...(more && { '@odata.nextLink': linkTo(request, { $skiptoken: skipToken(last) }) }),
      value: page.map(item => this.#render(request, { ...placed, item })),
    })
  }

  content(request: GraphRequest, placed: PlacedItem): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    const { item } = placed
    if (item.kind !== 'file') throw badRequest('You cannot get content for a folder')
    if (!this.#mayDownload(request, placed)) throw accessDenied()
    if (item.malware !== undefined && request.exchange.query.get('AVOverride') !== '1') {
      throw refuse(403, 'malwareDetected', 'Malware detected', {
        inner: 'virusSuspicious',
        headers: { 'X-Virus-Infected': item.malware },
      })
    }
    if (header(request.exchange, 'if-none-match') === eTag(item)) return empty(304)
    if (request.exchange.query.has('format')) throw notEmulatedOption('format')
    return redirect(this.#downloadUrl(placed))
  }

  #render(
    request: GraphRequest,
    placed: PlacedItem,
    select: readonly string[] | undefined = request.options.select,
  ): Record<string, unknown> {
    const wantsUrl =
      placed.item.kind === 'file' &&
      this.#mayDownload(request, placed) &&
      (!select || select.some(name => ['*', DOWNLOAD_URL, 'content.downloadUrl'].includes(name)))
    const value = itemJson(placed, wantsUrl ? this.#downloadUrl(placed) : undefined)
    if (select?.includes('sharepointIds')) value['sharepointIds'] = sharepointIds(placed)
    if (select?.includes('publication') && placed.item.kind === 'file') {
      value['publication'] = publication(placed)
    }
    if (request.beta && placed.drive.rules.viewpoint && select?.includes('viewpoint')) {
      value['viewpoint'] = viewpoint(
        this.#deps.access.requireItem(request.caller, placed),
        this.#mayDownload(request, placed),
        placed.item,
      )
    }
    return pick(value, select)
  }

  #mayDownload({ caller }: GraphRequest, placed: PlacedItem): boolean {
    return !placed.site.blocksDownload || this.#deps.access.requireItem(caller, placed) === 'owner'
  }

  #downloadUrl({ site, drive, item }: PlacedItem): string {
    return this.#deps.downloadUrls.make(site, drive, item, this.#deps.world.clock.now())
  }
}

/** OneDrive for Business sorts children by name (or url) only. */
function ordered(items: readonly Item[], orderBy: string | undefined): readonly Item[] {
  if (orderBy === undefined) return items
  const [property, direction = 'asc'] = orderBy.toLowerCase().split(/\s+/)
  if (property !== 'name' && property !== 'url') {
    throw badRequest(`Cannot sort on property '${property ?? ''}'.`, 'invalidQuery')
  }
  return direction === 'desc' ? [...items].reverse() : items
}

/** SharePoint pages by the last row it sent, so a listing survives changes in between. */
function skipToken(last: Item): string {
  const row = new URLSearchParams({ Paged: 'TRUE', p_FileLeafRef: last.name, p_ID: String(last.serial) })
  return Buffer.from(row.toString()).toString('base64url')
}

function positionAfter(sorted: readonly Item[], token: string): number {
  const row = new URLSearchParams(Buffer.from(token, 'base64url').toString('utf8'))
  const [name, serial] = [row.get('p_FileLeafRef'), Number(row.get('p_ID'))]
  if (name === null || !Number.isInteger(serial)) throw badRequest('Invalid paging token', 'invalidPageToken')
  const exact = sorted.findIndex(item => item.serial === serial)
  if (exact >= 0) return exact + 1
  const next = sorted.findIndex(item => item.name.toLowerCase() > name.toLowerCase())
  return next < 0 ? sorted.length : next
}

/** Looks an item up by id, or by path below it; 404 as the service answers. */
export async function locate(
  { drive }: { drive: PlacedItem['drive'] },
  start: { readonly id?: string; readonly path?: readonly string[] | undefined },
): Promise<Item> {
  let item = start.id === undefined ? drive.root : drive.find(start.id)
  if (!item && drive.source) {
    await drive.source.refreshAll()
    item = drive.find(start.id ?? '')
  }
  for (const name of start.path ?? []) {
    if (item) await drive.source?.refreshFolder(item)
    item = item && drive.child(item, name)
  }
  if (!item) throw notFound()
  await drive.source?.refreshItem(item)
  if (drive.find(item.id) !== item) throw notFound()
  return item
}
