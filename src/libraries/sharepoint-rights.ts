import type { Clock } from '../concurrency/clock.js'
import { tryJsonObjectOf } from '../http/json.js'
import type { HttpSender } from '../http/message.js'
import { Fault, isFault } from '../model/fault.js'
import type { Bytes, ItemKey, Milliseconds, TenantId } from '../model/ids.js'
import type { Library, LibraryAccess } from '../model/library.js'
import type { SharePointPlace } from '../model/sharepoint-place.js'
import { accessOf } from './base-permissions.js'
import { readablePath } from './server-path.js'

export interface SharePointRightsDeps {
  readonly http: HttpSender
  readonly tokens: {
    tokenFor(tenant: TenantId, scopes: readonly string[], signal: AbortSignal): Promise<string>
  }
  /** Implemented by `graph/list-items.ts`. */
  readonly places: { placeOf(item: ItemKey, signal: AbortSignal): Promise<SharePointPlace> }
  readonly clock: Clock
}

// Consent is given by people, and what SharePoint keeps from guests it keeps from them for long.
const REFUSAL_STANDS: Milliseconds = 24 * 60 * 60_000
// Two numbers; a refusal is a few hundred bytes.
const LARGEST_ANSWER: Bytes = 64 * 1024
/** These say nothing of what we may ask. */
const PASSING = ['offline', 'timed-out', 'throttled', 'server-error', 'cancelled'] as const
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * What SharePoint's own API says of our rights, in the organizations where our app has consent for it. Where it has none,
 * or anything else is in the way, that is nobody's problem: it is not asked again for a day, and nobody hears of it.
 */
export class SharePointRights {
  readonly #deps: SharePointRightsDeps
  /** By what was refused: the token for a host, or the question about one item. */
  readonly #refused = new Map<string, Milliseconds>()

  constructor(deps: SharePointRightsDeps) {
    this.#deps = deps
  }

  /** @throws {Fault} where Graph does not say where SharePoint has the item: that is no refusal of SharePoint's */
  async accessTo(
    library: Pick<Library, 'root' | 'scope' | 'host'>,
    signal: AbortSignal,
  ): Promise<LibraryAccess> {
    const { root, host } = library
    const [ofHost, ofItem] = [`${root.tenant} ${host}`, `${root.drive} ${root.item}`]
    if (this.#stands(ofHost) || this.#stands(ofItem)) return 'unknown'
    const { places, tokens } = this.#deps
    const url = questionAbout(library, await places.placeOf(root, signal))
    if (url === undefined) return this.#refuse(ofItem)
    // Good for this host only, which is where the question goes.
    const token = await this.#unless(
      ofHost,
      signal,
      tokens.tokenFor(root.tenant, [`https://${host}/.default`], signal),
    )
    if (token === undefined) return 'unknown'
    const access = await this.#unless(ofItem, signal, this.#ask(url, token, signal))
    return access === 'unknown' ? this.#refuse(ofItem) : (access ?? 'unknown')
  }

  /** @throws {Fault} `server-error` where it may be answered another time, and the network's */
  async #ask(url: string, token: string, signal: AbortSignal): Promise<LibraryAccess> {
    const response = await this.#deps.http.send(
      {
        method: 'GET',
        url,
        headers: { authorization: `Bearer ${token}`, accept: 'application/json;odata=nometadata' },
      },
      signal,
      { largestBody: LARGEST_ANSWER },
    )
    if (response.status === 429 || response.status >= 500) {
      throw new Fault('server-error', `SharePoint did not answer (${response.status})`)
    }
    // A redirect is an answer like others: where it leads, the token does not go.
    return response.status === 200 ? accessOf(tryJsonObjectOf(response)) : 'unknown'
  }

  /** @returns `undefined` where it failed; what does not pass by itself is remembered under `what` */
  async #unless<Value>(what: string, signal: AbortSignal, asked: Promise<Value>): Promise<Value | undefined> {
    try {
      return await asked
    } catch (failure) {
      signal.throwIfAborted()
      if (!(failure instanceof Fault)) throw failure
      if (!isFault(failure, ...PASSING)) this.#refuse(what)
      return undefined
    }
  }

  #refuse(what: string): 'unknown' {
    this.#refused.set(what, this.#deps.clock.now())
    return 'unknown'
  }

  #stands(what: string): boolean {
    const since = this.#refused.get(what)
    return since !== undefined && this.#deps.clock.now() - since < REFUSAL_STANDS
  }
}

/** `undefined` where the place makes no sense, or is on another host than the library. */
function questionAbout(
  { host, scope }: Pick<Library, 'host' | 'scope'>,
  { siteUrl, listId, listItemId }: SharePointPlace,
): string | undefined {
  if (typeof siteUrl !== 'string' || !URL.canParse(siteUrl)) return undefined
  const { origin, pathname, username, password } = new URL(siteUrl)
  const site = readablePath(pathname)
  if (origin !== `https://${host}` || username !== '' || password !== '' || site === undefined)
    return undefined
  if (typeof listId !== 'string' || !GUID.test(listId)) return undefined
  const list = `https://${host}${site.split('/').map(encodeURIComponent).join('/')}/_api/web/lists('${listId}')`
  // A library's root is the list itself; of a folder only the item knows what was shared with us.
  if (scope === 'library') return `${list}/EffectiveBasePermissions`
  if (typeof listItemId !== 'string' || !/^[1-9]\d{0,9}$/.test(listItemId)) return undefined
  return `${list}/items(${listItemId})/EffectiveBasePermissions`
}
