import type { Signing } from '../entra/signing.js'
import type { Drive, Item } from '../world/drive.js'
import { encodePath, type Site } from '../world/site.js'

const HOUR_SECONDS = 3600

/** What a pre-authenticated URL allows: one item, for one hour. */
export interface TempAuth {
  readonly drive: string
  readonly item: string
  /** Of an earlier state of the content; without it, the present one. */
  readonly version?: number
  /** Seconds since the epoch. */
  readonly nbf: number
  readonly exp: number
}

export class DownloadUrls {
  readonly #signing: Signing

  constructor(signing: Signing) {
    this.#signing = signing
  }

  make(site: Site, drive: Drive, item: Item, now: number, version?: number): string {
    const nbf = Math.floor(now / 1000)
    const tempauth: TempAuth = {
      drive: drive.id,
      item: item.id,
      ...(version !== undefined && { version }),
      nbf,
      exp: nbf + HOUR_SECONDS,
    }
    return (
      `https://${site.host}${encodePath(site.path)}/_layouts/15/download.aspx` +
      `?UniqueId=${item.guid}&Translate=false&tempauth=${this.#signing.seal(tempauth)}&ApiVersion=2.0`
    )
  }

  read(tempauth: string): TempAuth | undefined {
    return this.#signing.unseal(tempauth) as TempAuth | undefined
  }
}
