import { isJsonObject, tryJsonObjectOf } from '../http/json.js'
import type { HttpResponse } from '../http/message.js'
import type { DriveItem } from '../model/drive-item.js'
import { Fault } from '../model/fault.js'
import type { ContentVersion } from '../model/ids.js'
import { hasContent } from './content-check.js'
import { checkedUrl } from './download-urls.js'
import { parseTopItem, UnusableItem } from './wire.js'

/**
 * Where an image is, and whether it is of the version that was asked for.
 *
 * `named`: the URL itself says so, as SharePoint's do. `unnamed`: to be asked again once the image has come.
 * The URL is a secret.
 */
export type ThumbnailUrl =
  | { readonly kind: 'named' | 'unnamed'; readonly url: string }
  | { readonly kind: 'none' | 'other-version' }
  /** The service does not bring thumbnails along with the item. */
  | { readonly kind: 'not-expanded' }

/** @param part a driveItem with `thumbnails` expanded */
export function expandedUrl(part: HttpResponse, version: ContentVersion, size: string): ThumbnailUrl {
  const item = itemOf(part)
  if (!hasContent(item, version)) return { kind: 'other-version' }
  const sets = tryJsonObjectOf(part)?.['thumbnails']
  if (!Array.isArray(sets)) return { kind: 'not-expanded' }
  const set: unknown = sets[0]
  if (!isJsonObject(set)) return { kind: 'none' }
  // Some custom sizes are not there (sp-dev-docs #4875).
  const thumbnail = [size, 'medium', 'large', 'small'].map(name => set[name]).find(isJsonObject)
  return thumbnail === undefined ? { kind: 'none' } : boundUrl(thumbnail['url'], item)
}

/** @param part a driveItem @param redirect the answer of its `/thumbnails/0/{size}/content` */
export function redirectedUrl(
  part: HttpResponse,
  redirect: HttpResponse,
  version: ContentVersion,
): ThumbnailUrl {
  const item = itemOf(part)
  if (!hasContent(item, version)) return { kind: 'other-version' }
  return boundUrl(redirect.headers['location'], item)
}

export function stillHas(part: HttpResponse, version: ContentVersion): boolean {
  return part.status === 200 && hasContent(itemOf(part), version)
}

function boundUrl(raw: unknown, item: DriveItem): ThumbnailUrl {
  const url = checkedUrl(raw)
  const named = new URL(url).searchParams.get('ctag') ?? ''
  if (named === '' || item.cTag === undefined) return { kind: 'unnamed', url }
  return named === item.cTag ? { kind: 'named', url } : { kind: 'other-version' }
}

function itemOf(part: HttpResponse): DriveItem {
  try {
    return parseTopItem(tryJsonObjectOf(part))
  } catch (cause) {
    if (!(cause instanceof UnusableItem)) throw cause
    throw new Fault('protocol-error', 'The service described the file in a way that makes no sense', {
      cause,
    })
  }
}
