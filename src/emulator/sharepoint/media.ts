import { type Answer, Refusal } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { notEmulated, type Route } from '../http/route.js'
import { refuse } from '../graph/graph-error.js'
import { locate } from '../graph/items.js'
import { drawThumbnail, shapeOf } from '../world/thumbnail-image.js'
import type { World } from '../world/world.js'
import type { ThumbnailUrls } from './thumbnail-urls.js'

export interface MediaDeps {
  readonly world: World
  readonly thumbnailUrls: ThumbnailUrls
}

const LARGEST_SIDE = 4096

/** `*-mediap.svc.ms`: draws thumbnails for whoever has the URL. Asks for no Authorization, and refuses one. */
export class Media {
  readonly #deps: MediaDeps

  constructor(deps: MediaDeps) {
    this.#deps = deps
  }

  route(exchange: Exchange): Route {
    const { method, path } = exchange
    if ((method !== 'GET' && method !== 'HEAD') || path !== '/transform/thumbnail') {
      return notEmulated(`${method} https://${exchange.host}${path}`)
    }
    const subject = this.#deps.thumbnailUrls.read(exchange.query)
    return {
      name: 'thumbnail-image',
      ...(subject && { drive: subject.drive, item: subject.item }),
      run: async () => {
        try {
          return await this.#image(exchange)
        } catch (failure) {
          if (failure instanceof Refusal) return failure.answer
          throw failure
        }
      },
    }
  }

  async #image(exchange: Exchange): Promise<Answer> {
    const { world, thumbnailUrls } = this.#deps
    const auth = thumbnailUrls.read(exchange.query)
    if (header(exchange, 'authorization') !== undefined || !auth || auth.exp * 1000 <= world.clock.now()) {
      throw refuse(401, 'unauthenticated', 'The caller is not authenticated.')
    }
    const placed = world.drive(auth.drive)
    if (!placed) throw refuse(404, 'itemNotFound', 'The resource could not be found.')
    const item = await locate(placed, { id: auth.item })
    if (!shapeOf(item)) throw refuse(406, 'cannotOpenFile', 'The file cannot be rendered.')
    const [width, height] = ['width', 'height'].map(name => Number(exchange.query.get(name)))
    if (!width || !height || Math.max(width, height) > LARGEST_SIDE) {
      throw refuse(400, 'invalidRequest', 'Invalid size')
    }
    const named = /^"c:\{[0-9A-F-]{36}\},(\d+)"$/.exec(exchange.query.get('ctag') ?? '')?.[1]
    const version = named === undefined ? item.cTag : Number(named)
    const content = await drawThumbnail(item, version, {
      width,
      height,
      crop: exchange.query.has('cropMode'),
    })
    return {
      status: 200,
      headers: { 'Content-Type': 'image/jpeg', 'Cache-Control': 'private, max-age=86400' },
      body: { kind: 'content', content, start: 0, end: content.size },
    }
  }
}
