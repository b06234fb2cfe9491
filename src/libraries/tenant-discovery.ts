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

/** Whether `text` looks like a domain of the Internet: at least two labels, and goes into a URL as it is. */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/.test(text)
}

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

  /**
   * @param domain one that the organization has proven to be its own, lower case
   * @throws {Fault} `tenant-not-found`; the network's
   */
  async tenantOfDomain(domain: string, signal: AbortSignal): Promise<TenantId> {
    const tenant = isDomain(domain) ? await this.#askEntraFor(domain, signal) : undefined
    if (tenant !== undefined) return tenant.toLowerCase() as TenantId
    throw new Fault('tenant-not-found', `No organization that Microsoft knows has the domain ${domain}`, {
      nextStep: 'Check the domain for typing errors.',
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
    const name = host.slice(0, -this.#deps.cloud.sharePointSuffix.length).replace(/-my$/, '')
    return /^[a-z0-9-]+$/.test(name) ? await this.#askEntraFor(`${name}.onmicrosoft.com`, signal) : undefined
  }

  async #askEntraFor(domain: string, signal: AbortSignal): Promise<string | undefined> {
    const url = `https://${this.#deps.cloud.loginHost}/${domain}/v2.0/.well-known/openid-configuration`
    const response = await this.#deps.http.send({ method: 'GET', url }, signal)
    const issuer = response.status === 200 ? tryJsonObjectOf(response)?.['issuer'] : undefined
    return typeof issuer === 'string' ? GUID.exec(issuer.slice(0, 512))?.[0] : undefined
  }
}
