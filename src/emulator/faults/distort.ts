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
  const { omit, emptyPage, duplicate, reverse, endless } = action
  if (!omit && !emptyPage && !duplicate && !reverse && !endless) return answer
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
  if (value.value && endless) value = { value: value.value, ...withoutEnd(value.value, endless, url) }
  return json(200, value, answer.headers)
}

/** The number of the page is in its link. */
function withoutEnd(
  entries: Record<string, unknown>[],
  endless: NonNullable<FaultAction['endless']>,
  url: string,
): Listing {
  const page = Number(/[?&]page=(\d+)/.exec(url)?.[1] ?? 0)
  const next = endless === 'circle' ? ((page + 1) % 2) + 2 : page + 1
  const first = url.replace(/([?&])page=\d+&?/, '$1').replace(/[?&]$/, '')
  const link = `${first}${first.includes('?') ? '&' : '?'}page=${next}`
  const value = {
    empty: () => [],
    same: () => entries,
    circle: () => entries,
    new: () => entries.map(entry => (entry['file'] ? another(entry, page) : entry)),
  }[endless]()
  return { value, '@odata.nextLink': link }
}

function another(entry: Record<string, unknown>, number: number): Record<string, unknown> {
  const tag = number.toString(36).toUpperCase().padStart(8, '0')
  return {
    ...entry,
    id: `${String(entry['id']).slice(0, -8)}${tag}`,
    name: `${tag} ${String(entry['name'])}`,
  }
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
