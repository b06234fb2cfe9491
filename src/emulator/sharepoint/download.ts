import { type Answer, empty } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { refuse } from '../graph/graph-error.js'
import { eTag } from '../graph/item-json.js'
import { locate } from '../graph/items.js'
import { mediaType } from '../graph/media-type.js'
import type { Content } from '../world/content.js'
import { encodeName } from '../world/site.js'
import type { World } from '../world/world.js'
import type { DownloadUrls } from './download-urls.js'
import { parseRange } from './range.js'

/**
 * Where `/content` redirects to. No Authorization: the `tempauth` parameter carries the permission,
 * for one hour.
 *
 * @param ignoreRange a fault: 200 and everything, whatever was asked for
 */
export async function download(
  deps: { readonly world: World; readonly downloadUrls: DownloadUrls },
  exchange: Exchange,
  ignoreRange: boolean,
): Promise<Answer> {
  const tempauth = deps.downloadUrls.read(exchange.query.get('tempauth') ?? '')
  const now = deps.world.clock.now()
  if (!tempauth) throw refuse(401, 'unauthenticated', 'The caller is not authenticated.')
  if (tempauth.exp * 1000 <= now) throw expiredUrl(tempauth.nbf, tempauth.exp)
  const placed = deps.world.drive(tempauth.drive)
  if (!placed) throw refuse(404, 'itemNotFound', 'The resource could not be found.')
  const item = await locate(placed, { id: tempauth.item })
  const { version } = tempauth
  const content =
    version === undefined ? item.content : item.history?.find(each => each.number === version)?.content
  if (!content || item.guid !== exchange.query.get('UniqueId')?.toLowerCase()) {
    throw refuse(404, 'itemNotFound', 'The resource could not be found.')
  }
  return serve(content, ignoreRange ? undefined : header(exchange, 'range'), {
    ETag: eTag(item),
    'Content-Type': mediaType(item.name),
    'Content-Disposition': `attachment; filename*=UTF-8''${encodeName(item.name)}`,
    'Last-Modified': new Date(item.modified).toUTCString(),
  })
}

/** 200, 206 or 416. */
export function serve(
  content: Content,
  rangeHeader: string | undefined,
  headers: Readonly<Record<string, string>>,
): Answer {
  const range = parseRange(rangeHeader, content.size)
  const shared = { ...headers, 'Accept-Ranges': 'bytes' }
  switch (range.kind) {
    case 'unsatisfiable':
      return empty(416, { ...shared, 'Content-Range': `bytes */${content.size}` })
    case 'whole':
      return { status: 200, headers: shared, body: { kind: 'content', content, start: 0, end: content.size } }
    case 'part': {
      const { start, end } = range
      return {
        status: 206,
        headers: { ...shared, 'Content-Range': `bytes ${start}-${end - 1}/${content.size}` },
        body: { kind: 'content', content, start, end },
      }
    }
  }
}

/** @param from,to seconds since the epoch */
export function expiredUrl(from: number, to: number) {
  const american = (seconds: number) =>
    new Date(seconds * 1000)
      .toLocaleString('en-US', { timeZone: 'UTC', timeStyle: 'medium', dateStyle: 'short' })
      .replace(',', '')
  return refuse(
    401,
    'unauthenticated',
    `The access token has expired. It's valid from '${american(from)}' and to '${american(to)}'.`,
    { inner: 'expiredToken' },
  )
}
