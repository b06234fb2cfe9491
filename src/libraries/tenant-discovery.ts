import { tryJsonObjectOf } from '../http/json.js'
import type { HttpSender } from '../http/message.js'
import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'
import type { TenantId } from '../model/ids.js'

export interface TenantDiscoveryDeps {
  readonly cloud: Pick<Cloud, 'loginHost' | 'sharePointSuffix'>
  readonly http: HttpSender
}

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i

/** Which tenant a SharePoint host belongs to, without being signed in anywhere. */
export class TenantDiscovery {
  readonly #deps: TenantDiscoveryDeps

  constructor(deps: TenantDiscoveryDeps) {
    this.#deps = deps
  }

  /**
   * @throws {Fault} `address-malformed` before anything is sent where `host` is not SharePoint's; `tenant-not-found`;
   *   the network's
   */
  async tenantOf(host: string, signal: AbortSignal): Promise<TenantId> {
    const { sharePointSuffix } = this.#deps.cloud
    if (!host.endsWith(sharePointSuffix) || !/^[a-z0-9.-]+$/.test(host)) {
      throw new Fault(
        'address-malformed',
        `${host} is not a SharePoint host (it should end with ${sharePointSuffix})`,
      )
    }
    const tenant = (await this.#askSharePoint(host, signal)) ?? (await this.#askEntra(host, signal))
    if (tenant !== undefined) return tenant.toLowerCase() as TenantId
    throw new Fault('tenant-not-found', `${host} does not belong to any organization that Microsoft knows`, {
      nextStep: 'Check the address for typing errors.',
    })
  }

  /** An empty bearer token is refused with a challenge that names the tenant. Also on vanity and -my hosts. */
  async #askSharePoint(host: string, signal: AbortSignal): Promise<string | undefined> {
    const response = await this.#deps.http.send(
      { method: 'GET', url: `https://${host}/_vti_bin/client.svc`, headers: { authorization: 'Bearer' } },
      signal,
    )
    const challenge = response.headers['www-authenticate'] ?? ''
    return new RegExp(`\\brealm="(${GUID.source})"`, 'i').exec(challenge.slice(0, 4096))?.[1]
  }

  /** By the tenant's first domain, which gave the host its name unless the organization was renamed. */
  async #askEntra(host: string, signal: AbortSignal): Promise<string | undefined> {
    const { loginHost, sharePointSuffix } = this.#deps.cloud
    const name = host.slice(0, -sharePointSuffix.length).replace(/-my$/, '')
    if (!/^[a-z0-9-]+$/.test(name)) return undefined
    const response = await this.#deps.http.send(
      {
        method: 'GET',
        url: `https://${loginHost}/${name}.onmicrosoft.com/v2.0/.well-known/openid-configuration`,
      },
      signal,
    )
    const issuer = response.status === 200 ? tryJsonObjectOf(response)?.['issuer'] : undefined
    return typeof issuer === 'string' ? GUID.exec(issuer.slice(0, 512))?.[0] : undefined
  }
}
