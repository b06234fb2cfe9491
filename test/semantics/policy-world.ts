import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Pace } from '../../src/concurrency/pace.js'
import type { Config } from '../../src/control/config.js'
import { AuditLog } from '../../src/daemon/audit-log.js'
import { limitsOf } from '../../src/daemon/cache-limits-config.js'
import { FileRules } from '../../src/daemon/file-rules.js'
import { CurrentRules } from '../../src/daemon/hydration-rules.js'
import { OnlineAccess } from '../../src/daemon/online-access.js'
import { PolicyHolder } from '../../src/daemon/policy-holder.js'
import { TenantPolicy } from '../../src/daemon/tenant-policy.js'
import type { Fault } from '../../src/model/fault.js'
import type { Milliseconds, TenantId } from '../../src/model/ids.js'
import { OrganizationNames } from '../../src/model/organization-names.js'
import { projects, startWorld, type DriveWorld } from './drive-world.js'
import { TestClock } from './test-clock.js'

/** A drive of a machine that has an administrator, put together as `daemon/build.ts` does. */
export interface PolicyWorld {
  readonly world: DriveWorld
  readonly clock: TestClock
  readonly holder: PolicyHolder
  readonly audit: AuditLog
  /** The administrator writes another policy, and the daemon has seen it. */
  readonly decide: (policy: unknown) => void
  /** What synchronisation knows of the library. */
  readonly synced: { checked: Milliseconds | undefined; problem: Fault | undefined }
  /** What asking for the root of the library does. */
  asked: { count: number; failure: Error | undefined }
  /** Of the account. */
  readonly account: { home: TenantId }
}

export function startPolicyWorld(t: Test, policy: unknown, config: Config = {}): PolicyWorld {
  const directory = t.testdir({ audit: {} })
  const file = join(directory, 'policy.json')
  writeFileSync(file, JSON.stringify(policy), { mode: 0o644 })
  const clock = new TestClock()
  const holder = new PolicyHolder({
    source: { file, owner: process.getuid?.() ?? 0 },
    clock,
    onTrouble: () => {},
  })
  const organizations = new OrganizationNames()
  organizations.learn(projects.root.tenant, projects.organization)
  const account = { home: 'tenant-fabrikam' as TenantId }
  const accounts = { current: () => Promise.resolve({ homeTenant: account.home }) }
  const tenants = new TenantPolicy({ holder, accounts, organizations })
  const synced: PolicyWorld['synced'] = { checked: undefined, problem: undefined }
  const asked: PolicyWorld['asked'] = { count: 0, failure: undefined }
  const online = new OnlineAccess({
    clock,
    statusOf: () => synced,
    ask: () => {
      asked.count++
      return asked.failure ? Promise.reject(asked.failure) : Promise.resolve()
    },
  })
  // The store is the world's own.
  const store = () => world.store
  const audit = new AuditLog({
    stateDirectory: join(directory, 'audit'),
    store: {
      get libraries() {
        return store().libraries
      },
      pathOf: item => store().pathOf(item),
    },
    clock,
    onTrouble: () => {},
  })
  const world: DriveWorld = startWorld(t, {
    directory,
    clock,
    administrator: {
      guards: {
        refusalOf: (tenant, signal) => tenants.refusalOf(tenant, signal),
        leastFree: () => holder.policy.leastFree,
        freeBytes: () => world.freeBytes,
        pace: new Pace(clock, () => holder.policy.downloadRate),
      },
      limits: () => limitsOf(config, holder.policy),
      policy: new CurrentRules(config, holder),
      filePolicy: {
        refusalToOpen: (...args) =>
          new FileRules({ store: store(), holder, tenants, online }).refusalToOpen(...args),
      },
      audit,
    },
  })
  world.library()
  const decide = (written: unknown) => {
    writeFileSync(file, JSON.stringify(written))
    holder.look()
  }
  return { world, clock, holder, audit, decide, synced, asked, account }
}
