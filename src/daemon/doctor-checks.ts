import type { TokenSource } from '../auth/token-source.js'
import type { Clock } from '../concurrency/clock.js'
import type { Check } from '../control/answers.js'
import type { HttpSender } from '../http/message.js'
import type { Cloud } from '../model/cloud.js'
import { Fault, isFault } from '../model/fault.js'
import type { Milliseconds, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import { LIBRARY_SCOPES } from '../model/scopes.js'

const DEADLINE: Milliseconds = 15_000
// Entra accepts five minutes either way; more makes fresh tokens look expired.
const LARGEST_SKEW: Milliseconds = 5 * 60_000

export interface DoctorDeps {
  readonly cloud: Cloud
  readonly http: HttpSender
  readonly clock: Clock
  readonly tokens: Pick<TokenSource, 'freshTokenFor'>
  readonly organizations: OrganizationNames
}

/** Both hosts that everything goes through, and this machine's clock against theirs. */
export async function networkChecks(
  { cloud, http, clock }: DoctorDeps,
  signal: AbortSignal,
): Promise<Check[]> {
  const probes = [
    { host: cloud.loginHost, path: '/organizations/v2.0/.well-known/openid-configuration' },
    { host: cloud.graphHost, path: '/v1.0/$metadata' },
  ]
  const checks = await Promise.all(
    probes.map(({ host, path }) =>
      check(host, async () => {
        const url = `https://${host}${path}`
        const { headers } = await http.send({ method: 'HEAD', url, headers: {} }, within(signal))
        return { found: 'reachable', skew: skewOf(headers['date'], clock.now()) }
      }),
    ),
  )
  return [...checks.map(({ skew: _, ...found }) => found), ...clockCheck(checks.map(({ skew }) => skew))]
}

/** Whether each organization still lets the account in. */
export async function tenantChecks(
  { tokens, organizations }: Pick<DoctorDeps, 'tokens' | 'organizations'>,
  tenants: readonly TenantId[],
  signal: AbortSignal,
): Promise<Check[]> {
  return await Promise.all(
    tenants.map(tenant =>
      check(organizations.nameOf(tenant), async () => {
        // What was handed out an hour ago says nothing of now.
        await tokens.freshTokenFor(tenant, LIBRARY_SCOPES, within(signal))
        return { found: 'lets you in' }
      }),
    ),
  )
}

type Found = Check & { readonly skew?: Milliseconds | undefined }

async function check(name: string, find: () => Promise<Omit<Found, 'name' | 'verdict'>>): Promise<Found> {
  try {
    return { name, verdict: 'ok', ...(await find()) }
  } catch (failure) {
    if (isFault(failure)) return failed(name, failure)
    if (failure instanceof DOMException && failure.name === 'TimeoutError') {
      return failed(name, new Fault('timed-out', `does not answer within ${DEADLINE / 1000} seconds`))
    }
    throw failure
  }
}

function failed(name: string, { message, nextStep }: Fault): Check {
  return { name, verdict: 'fail', found: message, ...(nextStep === undefined ? {} : { nextStep }) }
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)])
}

function skewOf(date: string | undefined, now: Milliseconds): Milliseconds | undefined {
  const theirs = Date.parse(date ?? '')
  return Number.isNaN(theirs) ? undefined : now - theirs
}

function clockCheck(skews: readonly (Milliseconds | undefined)[]): Check[] {
  const skew = skews.find(each => each !== undefined)
  if (skew === undefined) return []
  const seconds = Math.round(Math.abs(skew) / 1000)
  if (Math.abs(skew) <= LARGEST_SKEW) return [{ name: 'Clock', verdict: 'ok', found: `${seconds} s off` }]
  return [
    {
      name: 'Clock',
      verdict: 'fail',
      found: `${seconds} s ${skew > 0 ? 'ahead' : 'behind'}`,
      nextStep: 'Set the time of this machine, for example with: sudo timedatectl set-ntp true',
    },
  ]
}
