import type { Signing } from '../entra/signing.js'
import { cTag } from '../graph/item-json.js'
import type { Drive, Item } from '../world/drive.js'
import type { Site } from '../world/site.js'
import type { Box } from '../world/thumbnail-image.js'

/** Where thumbnails of SharePoint's items are drawn, for all tenants. */
export const MEDIA_HOST = 'westeurope1-mediap.svc.ms'

const LIFETIME_SECONDS = 6 * 3600

export interface ThumbnailAuth {
  readonly drive: string
  readonly item: string
  /** Seconds since the epoch. */
  readonly exp: number
}

/** Pre-authenticated, for some hours. As seen in the wild they name the version that they are of: `ctag`. */
export class ThumbnailUrls {
  readonly #signing: Signing

  constructor(signing: Signing) {
    this.#signing = signing
  }

  make(site: Site, drive: Drive, item: Item, box: Box, now: number): string {
    const auth: ThumbnailAuth = {
      drive: drive.id,
      item: item.id,
      exp: Math.floor(now / 1000) + LIFETIME_SECONDS,
    }
    const document =
      `https://${site.host}:443/_api/v2.0/drives/${drive.id}/items/${item.id}` +
      `?tempauth=${this.#signing.seal(auth)}`
    const extension = item.name.slice(item.name.lastIndexOf('.') + 1).toLowerCase()
    const query = new URLSearchParams({
      provider: 'spo',
      inputFormat: extension,
      cs: 'fFNQTw',
      docid: document,
      encodeFailures: '1',
      ctag: cTag(item),
      width: String(box.width),
      height: String(box.height),
      ...(box.crop && { cropMode: 'center' }),
    })
    return `https://${MEDIA_HOST}/transform/thumbnail?${query.toString()}`
  }

  read(query: URLSearchParams): ThumbnailAuth | undefined {
    const document = query.get('docid') ?? ''
    if (!URL.canParse(document)) return undefined
    return this.#signing.unseal(new URL(document).searchParams.get('tempauth') ?? '') as
      ThumbnailAuth | undefined
  }
}
