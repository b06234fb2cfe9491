import type { WorldClock } from '../clock.js'
import type { Headers } from '../http/answer.js'
import { refuse } from './graph-error.js'

/** "Resource units" of one minute, which an app has in a tenant. */
const WINDOW_MILLISECONDS = 60_000
/** The headers "appear from 80 %" of use on. */
const TOLD_FROM = 0.8

// https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
const ONE_UNIT = new Set([
  'item',
  'content',
  'version-content',
  'thumbnails',
  'thumbnail',
  'thumbnail-content',
])
const PERMISSIONS = new Set(['permissions', 'permission', 'share-permission', 'invite'])

interface Spent {
  readonly window: number
  units: number
}

/** How much each tenant lets an app do in a minute. Without a limit, as much as it likes. */
export class Budgets {
  readonly #clock: WorldClock
  readonly #limits = new Map<string, number>()
  readonly #spent = new Map<string, Spent>()

  constructor(clock: WorldClock) {
    this.#clock = clock
  }

  /** @param units a minute; `undefined`: no limit */
  set(tenant: string, units: number | undefined): void {
    this.#spent.delete(tenant)
    if (units === undefined) this.#limits.delete(tenant)
    else this.#limits.set(tenant, units)
  }

  /**
   * @returns headers of the answer
   * @throws {Refusal} 429. "Throttled requests count, too."
   */
  spend(tenant: string, route: string, hasToken: boolean): Headers {
    const limit = this.#limits.get(tenant)
    if (limit === undefined) return {}
    const now = this.#clock.now()
    const window = Math.floor(now / WINDOW_MILLISECONDS)
    const before = this.#spent.get(tenant)
    const spent = before?.window === window ? before : { window, units: 0 }
    this.#spent.set(tenant, spent)
    spent.units += costOf(route, hasToken)
    const reset = String(Math.max(1, Math.ceil(((window + 1) * WINDOW_MILLISECONDS - now) / 1000)))
    if (spent.units > limit) {
      throw refuse(429, 'activityLimitReached', 'The app or user has been throttled.', {
        inner: 'throttledRequest',
        innermost: 'quota',
        headers: { 'Retry-After': reset, ...told(limit, 0, reset) },
      })
    }
    return spent.units < limit * TOLD_FROM ? {} : told(limit, limit - spent.units, reset)
  }
}

function told(limit: number, remaining: number, reset: string): Headers {
  return {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': reset,
  }
}

function costOf(route: string, hasToken: boolean): number {
  if (PERMISSIONS.has(route)) return 5
  return ONE_UNIT.has(route) || (route === 'delta' && hasToken) ? 1 : 2
}
