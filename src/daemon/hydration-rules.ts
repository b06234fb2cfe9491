import { NO_POLICY, type AdminPolicy } from '../control/admin-policy.js'
import type { Config } from '../control/config.js'
import {
  HydrationPolicy,
  type HydrationRule,
  type Permission,
  type Program,
} from '../hydration/hydration-policy.js'
import type { PolicyHolder } from './policy-holder.js'

/** What administrator and user say about programs, the strictest first. */
export function hydrationRules(
  { hydration = {}, HydrationDisallowedApps: disallowed = [] }: Config,
  { disallowedPrograms }: Pick<AdminPolicy, 'disallowedPrograms'> = NO_POLICY,
): HydrationRule[] {
  const { deny = [], localOnly = [], headOnly = [], full = [] } = hydration
  const rules: HydrationRule[] = [
    { verdict: 'deny', programs: deny },
    { verdict: 'local-only', programs: disallowedPrograms, isBinding: true },
    {
      verdict: 'local-only',
      programs: [...disallowed.map(({ ApplicationId }) => ApplicationId), ...localOnly],
    },
    { verdict: 'head-only', programs: headOnly },
    { verdict: 'full', programs: full },
  ]
  return rules.filter(({ programs }) => programs.length > 0)
}

/** Who may hydrate, by configuration and policy as they are now. */
export class CurrentRules {
  readonly #config: Config
  readonly #holder: Pick<PolicyHolder, 'policy'>
  #compiled: { readonly from: AdminPolicy; readonly rules: HydrationPolicy } | undefined

  constructor(config: Config, holder: Pick<PolicyHolder, 'policy'>) {
    this.#config = config
    this.#holder = holder
  }

  permissionOf(lineage: readonly Program[]): Permission {
    return this.#current.permissionOf(lineage)
  }

  needsArguments(names: readonly string[]): boolean {
    return this.#current.needsArguments(names)
  }

  get #current(): HydrationPolicy {
    const { policy } = this.#holder
    if (this.#compiled?.from !== policy) {
      this.#compiled = { from: policy, rules: new HydrationPolicy(hydrationRules(this.#config, policy)) }
    }
    return this.#compiled.rules
  }
}
