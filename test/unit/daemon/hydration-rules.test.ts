import t from 'tap'
import { NO_POLICY } from '../../../src/control/admin-policy.js'
import { limitsOf } from '../../../src/daemon/cache-limits-config.js'
import { hydrationRules } from '../../../src/daemon/hydration-rules.js'
import { HydrationPolicy, type Program } from '../../../src/hydration/hydration-policy.js'

function program(name: string): Program {
  return { name, path: `/usr/bin/${name}`, names: [name], comm: name.slice(0, 15), arguments: [] }
}

t.test('the strictest of the rules of the configuration counts, and all come before the defaults', t => {
  const policy = new HydrationPolicy(
    hydrationRules({
      hydration: { full: ['restic', 'banned', 'cloud-backup'], deny: ['banned'], headOnly: ['mimetype'] },
      HydrationDisallowedApps: [{ ApplicationId: 'cloud-backup' }, { ApplicationId: '/usr/bin/photo*' }],
    }),
  )
  const verdictOf = (name: string) => policy.permissionOf([program(name)]).verdict
  t.same(['restic', 'banned', 'cloud-backup', 'photos', 'mimetype', 'tumblerd', 'cp'].map(verdictOf), [
    'full',
    'deny',
    'local-only',
    'local-only',
    'head-only',
    'local-only',
    'full',
  ])
  t.end()
})

t.test('without a configuration there are the defaults, and no limits', t => {
  t.same(hydrationRules({}), [])
  t.same(limitsOf({}, NO_POLICY), {})
  t.same(limitsOf({ cacheLimitInMB: 0, minimumFreeSpaceInMB: 500, freeUpAfterDays: 2 }, NO_POLICY), {
    cacheBytes: 0,
    freeBytes: 500_000_000,
    age: 172_800_000,
  })
  t.end()
})
