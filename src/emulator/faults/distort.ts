import { type Answer, json, withHeaders } from '../http/answer.js'
import type { FaultAction } from './fault-rule.js'

interface Listing {
  value?: Record<string, unknown>[]
  '@odata.nextLink'?: string
  '@odata.deltaLink'?: string
}

/** Bends a good JSON answer: properties left out, pages empty, doubled or turned round. */
export function distort(answer: Answer, action: FaultAction, url: string): Answer {
  if (action.thumbnailsOf) answer = ofAnotherVersion(answer, action.thumbnailsOf)
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

/** In redirects and in JSON alike. */
function ofAnotherVersion(answer: Answer, which: NonNullable<FaultAction['thumbnailsOf']>): Answer {
  const bend = (text: string) =>
    text.replace(
      /([?&])ctag=(%22c%3A%7B[0-9A-F-]{36}%7D%2C)(\d+)%22/g,
      (_, mark: string, tag: string, number: string) =>
        which === 'unnamed-version' ? `${mark}ctag=` : `${mark}ctag=${tag}${Number(number) - 1}%22`,
    )
  const { Location: location } = answer.headers
  const bent = typeof location === 'string' ? withHeaders(answer, { Location: bend(location) }) : answer
  if (bent.body.kind !== 'text') return bent
  return { ...bent, body: { ...bent.body, text: bend(bent.body.text) } }
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
