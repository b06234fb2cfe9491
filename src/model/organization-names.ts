import type { TenantId } from './ids.js'

/** What the user calls each tenant, so that messages never show a GUID for an organization that we know. */
export class OrganizationNames {
  readonly #names = new Map<TenantId, string>()

  learn(tenant: TenantId, name: string): void {
    this.#names.set(tenant, name)
  }

  /** Better than a GUID, until the real name is known. */
  suggest(tenant: TenantId, name: string): void {
    if (!this.#names.has(tenant)) this.#names.set(tenant, name)
  }

  nameOf(tenant: TenantId): string {
    return this.#names.get(tenant) ?? `organization ${tenant}`
  }
}
