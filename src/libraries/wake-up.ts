import type { HttpSender } from '../http/message.js'
import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'

export interface WakeUpDeps {
  readonly http: HttpSender
  readonly tokens: {
    tokenFor(tenant: TenantId, scopes: readonly string[], signal: AbortSignal): Promise<string>
  }
}

/**
 * Graph refuses a guest whom SharePoint has not seen yet. One request to SharePoint itself makes it know the guest, as
 * opening the site in a browser does (onedrive-api-docs #1039).
 */
export class WakeUp {
  readonly #deps: WakeUpDeps

  constructor(deps: WakeUpDeps) {
    this.#deps = deps
  }

  /** Tries; whether it helped shows when Graph is asked again. @param site server-relative path, '' for the root site */
  async visit(tenant: TenantId, host: string, site: string, signal: AbortSignal): Promise<void> {
    const path = site.split('/').map(encodeURIComponent).join('/')
    try {
      const token = await this.#deps.tokens.tokenFor(tenant, [`https://${host}/.default`], signal)
      await this.#deps.http.send(
        {
          method: 'GET',
          url: `https://${host}${path}/_api/web?$select=Id`,
          headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
        },
        signal,
      )
    } catch (failure) {
      signal.throwIfAborted()
      if (!(failure instanceof Fault)) throw failure
    }
  }
}
