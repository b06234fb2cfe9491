import type { FilePolicy } from '../fs/file-policy.js'
import type { Fault } from '../model/fault.js'
import type { ItemRecord } from '../store/item-record.js'
import type { Store } from '../store/store.js'
import type { OnlineAccess } from './online-access.js'
import type { PolicyHolder } from './policy-holder.js'
import type { TenantPolicy } from './tenant-policy.js'

export interface FileRulesDeps {
  readonly store: Pick<Store, 'libraries'>
  readonly holder: Pick<PolicyHolder, 'policy'>
  readonly tenants: TenantPolicy
  readonly online: OnlineAccess
}

/** What the administrator's policy says when a file is opened. */
export class FileRules implements FilePolicy {
  readonly #deps: FileRulesDeps

  constructor(deps: FileRulesDeps) {
    this.#deps = deps
  }

  async refusalToOpen(item: ItemRecord, isLocal: boolean, signal: AbortSignal): Promise<Fault | undefined> {
    const { store, holder, tenants, online } = this.#deps
    const library = store.libraries.byId(item.library)
    if (library === undefined) return undefined
    const { tenant } = library.root
    // Not at the first read that fails: some programs do not look at that.
    const refusal = isLocal ? undefined : await tenants.refusalOf(tenant, signal)
    if (refusal) return refusal
    if (!holder.policy.forbidsOffline || !(await tenants.isExternal(tenant, signal))) return undefined
    return await online.refusalOf(library, signal)
  }
}
