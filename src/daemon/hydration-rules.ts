import type { Config } from '../control/config.js'
import type { HydrationRule } from '../hydration/hydration-policy.js'

/** What the configuration says about programs, the strictest first. */
export function hydrationRules({
  hydration = {},
  HydrationDisallowedApps: disallowed = [],
}: Config): HydrationRule[] {
  const { deny = [], localOnly = [], headOnly = [], full = [] } = hydration
  const rules: HydrationRule[] = [
    { verdict: 'deny', programs: deny },
    {
      verdict: 'local-only',
      programs: [...disallowed.map(({ ApplicationId }) => ApplicationId), ...localOnly],
    },
    { verdict: 'head-only', programs: headOnly },
    { verdict: 'full', programs: full },
  ]
  return rules.filter(({ programs }) => programs.length > 0)
}
