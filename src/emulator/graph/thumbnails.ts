import { type Answer, json, redirect } from '../http/answer.js'
import type { ThumbnailUrls } from '../sharepoint/thumbnail-urls.js'
import { type Box, shapeOf, sizeInBox } from '../world/thumbnail-image.js'
import type { World } from '../world/world.js'
import type { Access, PlacedItem } from './access.js'
import { notFound } from './graph-error.js'
import { pick } from './odata.js'
import type { GraphRequest } from './request.js'

export interface ThumbnailsDeps {
  readonly world: World
  readonly access: Access
  readonly thumbnailUrls: ThumbnailUrls
}

/** SharePoint's own: not the 96, 176 and 800 of the documentation (sp-dev-docs #4875). */
const NAMED: Readonly<Record<string, Box>> = {
  small: { width: 400, height: 400, crop: false },
  medium: { width: 400, height: 400, crop: false },
  large: { width: 950, height: 950, crop: false },
  smallSquare: { width: 400, height: 400, crop: true },
  mediumSquare: { width: 400, height: 400, crop: true },
  largeSquare: { width: 950, height: 950, crop: true },
}
const LARGEST_CUSTOM = 2048

/** thumbnailSet: at most one for an item, `0`, and none where the service makes none. */
export class Thumbnails {
  readonly #deps: ThumbnailsDeps

  constructor(deps: ThumbnailsDeps) {
    this.#deps = deps
  }

  list(request: GraphRequest, placed: PlacedItem): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    const { host } = request.exchange
    const context = `https://${host}/v1.0/$metadata#drives('${placed.drive.id}')/items('${placed.item.id}')/thumbnails`
    return json(200, { '@odata.context': context, value: this.sets(placed, request.options.select) })
  }

  /** `/thumbnails/0` */
  set(request: GraphRequest, placed: PlacedItem, id: string): Answer {
    this.#deps.access.requireItem(request.caller, placed)
    const [set] = this.sets(placed, request.options.select)
    if (set?.['id'] !== id) throw notFound()
    return json(200, set)
  }

  /** `/thumbnails/0/{size}` */
  one(request: GraphRequest, placed: PlacedItem, id: string, size: string): Answer {
    return json(200, this.#found(request, placed, id, size))
  }

  /** `/thumbnails/0/{size}/content` */
  content(request: GraphRequest, placed: PlacedItem, id: string, size: string): Answer {
    return redirect(this.#found(request, placed, id, size).url)
  }

  /** The collection, as it stands in answers. @param select names of sizes; custom ones only if named */
  sets(placed: PlacedItem, select: readonly string[] | undefined): Record<string, unknown>[] {
    if (!this.#has(placed)) return []
    const custom = (select ?? []).filter(name => boxOf(name) && !(name in NAMED))
    const sizes = ['small', 'medium', 'large', ...(select ?? []).filter(name => name.endsWith('Square'))]
    const all = Object.fromEntries(
      [...sizes, ...custom].map(name => [
        name,
        this.#thumbnail(placed, boxOf(name) ?? { width: 1, height: 1, crop: false }),
      ]),
    )
    return [pick({ id: '0', ...all }, select && [...select, 'id'])]
  }

  #found(request: GraphRequest, placed: PlacedItem, id: string, size: string) {
    this.#deps.access.requireItem(request.caller, placed)
    const box = boxOf(size)
    if (id !== '0' || !box || !this.#has(placed)) throw notFound()
    return this.#thumbnail(placed, box)
  }

  #has({ drive, item }: PlacedItem): boolean {
    const { thumbnails } = this.#deps.world
    return !thumbnails.unavailable && !thumbnails.unavailableIn.has(drive.id) && shapeOf(item) !== undefined
  }

  #thumbnail({ site, drive, item }: PlacedItem, box: Box): { height: number; width: number; url: string } {
    const { thumbnailUrls, world } = this.#deps
    const size = sizeInBox(shapeOf(item) ?? 'landscape', box)
    return { ...size, url: thumbnailUrls.make(site, drive, item, box, world.clock.now()) }
  }
}

/** `c256x256` fits into the box, `c256x256_Crop` fills it. */
function boxOf(name: string): Box | undefined {
  const named = NAMED[name]
  if (named) return named
  const [, width, height, crop] = /^c(\d{1,4})x(\d{1,4})(_crop)?$/i.exec(name) ?? []
  const box = { width: Number(width), height: Number(height), crop: crop !== undefined }
  if (!box.width || !box.height || Math.max(box.width, box.height) > LARGEST_CUSTOM) return undefined
  return box
}
