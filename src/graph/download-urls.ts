import { LRUCache } from 'lru-cache'
import type { Clock } from '../concurrency/clock.js'
import { SingleFlight } from '../concurrency/single-flight.js'
import { isJsonObject } from '../http/json.js'
import { Fault, isFault } from '../model/fault.js'
import type { ContentVersion, ItemKey, Milliseconds } from '../model/ids.js'
import { contentVersion, type DriveItem } from '../model/drive-item.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type { PastContent } from '../model/remote.js'
import { hasContent } from './content-check.js'
import type { GraphClient } from './graph-client.js'
import { addressOfPast } from './past-versions.js'
import { itemPath } from './paths.js'
import { ITEM_FIELDS, parseTopItem, UnusableItem } from './wire.js'

// SharePoint's URLs live for an hour, by older documents "a few minutes". The shorter the better,
// because a URL is also our knowledge of the version; the longer the fewer requests.
const LIFETIME: Milliseconds = 4 * 60_000
const MOST = 1000
const LONGEST_URL = 16_384

/** Where the bytes of one version of an item are, for a while. The URL is a secret. */
export interface DownloadUrl {
  readonly url: string
  /** What its bytes are to be of. */
  readonly item: DriveItem
  /** Of the version history: what is there does not change any more. */
  readonly isPast: boolean
}

export interface DownloadUrlsDeps {
  readonly graph: GraphClient
  readonly clock: Clock
  readonly organizations: OrganizationNames
}

/** Pre-authenticated URLs, asked for when needed, kept until shortly before they expire. */
export class DownloadUrls {
  readonly #deps: DownloadUrlsDeps
  readonly #known: LRUCache<string, DownloadUrl>
  readonly #asking = new SingleFlight<DownloadUrl>()

  constructor(deps: DownloadUrlsDeps) {
    this.#deps = deps
    this.#known = new LRUCache({ max: MOST, ttl: LIFETIME, ttlResolution: 0, perf: deps.clock })
  }

  /**
   * @param refused a URL that did not work: never returned again
   * @throws {Fault} `stale-content` when the item has another version by now; `download-blocked`
   */
  async of(
    key: ItemKey,
    version: ContentVersion,
    signal: AbortSignal,
    refused?: DownloadUrl,
    past?: PastContent,
  ): Promise<DownloadUrl> {
    const name = nameOf(key, version)
    const known = this.#known.get(name)
    if (known !== undefined && known !== refused) return known
    // One question, however many connections a read-ahead opens at once.
    return await this.#asking.run(name, signal, async shared => {
      const asked = await this.#ask(key, version, shared, past)
      this.#known.set(name, asked)
      if (!asked.isPast) this.#known.set(nameOf(key, contentVersion(asked.item)), asked)
      return asked
    })
  }

  /**
   * Makes sure, by asking now, that the item still has `version`.
   *
   * @throws {Fault} `stale-content`
   */
  async confirm(key: ItemKey, version: ContentVersion, signal: AbortSignal): Promise<void> {
    this.#known.set(nameOf(key, version), await this.#ask(key, version, signal))
  }

  async #ask(
    key: ItemKey,
    version: ContentVersion,
    signal: AbortSignal,
    past?: PastContent,
  ): Promise<DownloadUrl> {
    const path = itemPath(key.drive, key.item)
    const answer = await this.#deps.graph.get(
      key.tenant,
      `${path}?$select=${ITEM_FIELDS},malware,@microsoft.graph.downloadUrl`,
      signal,
    )
    const item = parsed(answer)
    if (!hasContent(item, version) && past !== undefined) return await this.#askPast(key, item, past, signal)
    if (!hasContent(item, version))
      throw new Fault('stale-content', 'The file has been changed by the other side')
    if (isJsonObject(answer['malware'])) throw malwareDetected(this.#deps.organizations.nameOf(key.tenant))
    const url = answer['@microsoft.graph.downloadUrl'] ?? (await this.#redirectOf(key, signal))
    return { url: checkedUrl(url), item, isPast: false }
  }

  async #askPast(key: ItemKey, now: DriveItem, past: PastContent, signal: AbortSignal): Promise<DownloadUrl> {
    const url = checkedUrl(await addressOfPast(this.#deps.graph, key, past, signal))
    // Which tag it has is not documented: it proves nothing.
    return { url, item: { ...now, size: past.size, eTag: undefined }, isPast: true }
  }

  /** Some libraries leave the annotation out and redirect all the same; where downloads are blocked, they refuse. */
  async #redirectOf(key: ItemKey, signal: AbortSignal): Promise<string | undefined> {
    try {
      const response = await this.#deps.graph.request(
        key.tenant,
        `${itemPath(key.drive, key.item)}/content`,
        signal,
      )
      return response.headers['location']
    } catch (failure) {
      if (!isFault(failure, 'access-denied')) throw failure
      throw downloadBlocked(this.#deps.organizations.nameOf(key.tenant), failure)
    }
  }
}

function nameOf({ tenant, drive, item }: ItemKey, version: ContentVersion): string {
  return [tenant, drive, item, version].join(' ')
}

export function malwareDetected(organization: string): Fault {
  return new Fault(
    'malware-detected',
    `${organization} found malware in this file and does not hand it out`,
    {
      nextStep: 'Tell the person who shared it with you.',
    },
  )
}

export function downloadBlocked(organization: string, cause?: unknown): Fault {
  return new Fault('download-blocked', `${organization} lets you see this file but not download it`, {
    cause,
    nextStep: 'Open it in the browser, or ask the person who shared it with you to allow downloads.',
  })
}

/** Only https, and no credentials in the address: it is followed without our token, wherever it leads. */
export function checkedUrl(url: unknown): string {
  if (typeof url === 'string' && url.length <= LONGEST_URL && URL.canParse(url)) {
    const { protocol, username, password } = new URL(url)
    if (protocol === 'https:' && username === '' && password === '') return url
  }
  throw new Fault('protocol-error', 'The service sent an address that cannot be used')
}

function parsed(answer: unknown): DriveItem {
  try {
    return parseTopItem(answer)
  } catch (cause) {
    if (!(cause instanceof UnusableItem)) throw cause
    throw new Fault('protocol-error', 'The service described the file in a way that makes no sense', {
      cause,
    })
  }
}
