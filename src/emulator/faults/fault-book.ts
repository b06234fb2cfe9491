import { type FaultAction, type FaultMatch, type FaultRule, matches, type Seen } from './fault-rule.js'

export interface NewFault {
  readonly id?: string
  readonly match?: FaultMatch
  readonly from?: number
  readonly times?: number
  readonly action: FaultAction
}

interface Entry {
  readonly rule: FaultRule
  matched: number
  fired: number
}

/** The rules in force, and how often each has fired. */
export class FaultBook {
  readonly #entries = new Map<string, Entry>()
  #made = 0

  put(fault: NewFault): FaultRule {
    const rule: FaultRule = {
      id: fault.id ?? `fault-${++this.#made}`,
      match: fault.match ?? {},
      from: fault.from ?? 1,
      times: fault.times ?? 0,
      action: fault.action,
    }
    this.#entries.set(rule.id, { rule, matched: 0, fired: 0 })
    return rule
  }

  remove(id: string): boolean {
    return this.#entries.delete(id)
  }

  clear(): void {
    this.#entries.clear()
  }

  list(): (FaultRule & { matched: number; fired: number })[] {
    return [...this.#entries.values()].map(({ rule, matched, fired }) => ({ ...rule, matched, fired }))
  }

  /** What happens to this request: later rules override earlier ones. */
  actionFor(seen: Seen): FaultAction {
    let action: FaultAction = {}
    for (const entry of this.#entries.values()) {
      const { rule } = entry
      if (!matches(rule.match, seen)) continue
      entry.matched++
      if (entry.matched < rule.from || (rule.times > 0 && entry.fired >= rule.times)) continue
      entry.fired++
      action = { ...action, ...rule.action }
    }
    return action
  }
}
