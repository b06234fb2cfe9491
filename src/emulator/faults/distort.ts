import { type Answer, json } from '../http/answer.js'
import type { FaultAction } from './fault-rule.js'

interface Listing {
  value?: Record<string, unknown>[]
  '@odata.nextLink'?: string
  '@odata.deltaLink'?: string
}

/** Bends a good JSON answer: properties left out, pages empty, doubled or turned round. */
export function distort(answer: Answer, action: FaultAction, url: string): Answer {
  const { omit, emptyPage, duplicate, reverse } = action
  if (!omit && !emptyPage && !duplicate && !reverse) return answer
  if (answer.status !== 200 || answer.body.kind !== 'text') return answer
  let value = JSON.parse(answer.body.text) as Listing & Record<string, unknown>
  if (omit) value = withoutDeep(value, new Set(omit)) as typeof value
  if (value.value && emptyPage) value = { value: [], '@odata.nextLink': url }
  if (value.value && duplicate) {
    value.value = value.value.flatMap(each =>
      each['deleted'] ? [each] : [{ ...each, name: 'an earlier name' }, each],
    )
  }
  if (value.value && reverse) value.value = [...value.value].reverse()
  return json(200, value, answer.headers)
}

function withoutDeep(value: unknown, names: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map(each => withoutDeep(each, names))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !names.has(name))
      .map(([name, each]) => [name, withoutDeep(each, names)]),
  )
}
