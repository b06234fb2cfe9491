import { Refusal } from '../http/answer.js'
import { graphError } from './graph-error.js'
import { badRequest } from './graph-error.js'

/** OData query options, which Graph accepts with and without `$`. */
export interface ODataOptions {
  readonly select: readonly string[] | undefined
  readonly expand: readonly string[]
  readonly top: number | undefined
  readonly skipToken: string | undefined
  readonly orderBy: string | undefined
}

const LARGEST_PAGE = 1000

export function odataOptions(query: URLSearchParams): ODataOptions {
  const get = (name: string) => query.get(`$${name}`) ?? query.get(name) ?? undefined
  for (const refused of ['filter', 'search', 'count', 'skip']) {
    if (query.has(`$${refused}`)) throw notEmulatedOption(`$${refused}`)
  }
  const top = get('top')
  if (top !== undefined && !/^[1-9]\d*$/.test(top)) {
    throw badRequest(`Invalid value '${top}' for $top query option found.`, 'invalidQuery')
  }
  return {
    select: get('select')
      ?.split(',')
      .map(each => each.trim()),
    expand: splitOutsideParentheses(get('expand') ?? ''),
    top: top === undefined ? undefined : Math.min(Number(top), LARGEST_PAGE),
    skipToken: get('skiptoken'),
    orderBy: get('orderby'),
  }
}

export function notEmulatedOption(option: string): Refusal {
  return new Refusal(
    graphError(501, 'notImplemented', `The emulator does not emulate: query option ${option}`),
  )
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map(each => each.trim())
    .filter(each => each !== '')
}

/** The `$select` in the parentheses of one `$expand`. */
export function selectOf(expand: string): readonly string[] | undefined {
  return /\(\$?select=([^)]*)\)/i
    .exec(expand)?.[1]
    ?.split(',')
    .map(each => each.trim())
}

/** Only the selected properties; annotations stay. */
export function pick(
  value: Readonly<Record<string, unknown>>,
  select: readonly string[] | undefined,
): Record<string, unknown> {
  if (!select || select.includes('*')) return { ...value }
  const wanted = new Set(select.map(name => (name === 'content.downloadUrl' ? DOWNLOAD_URL : name)))
  return Object.fromEntries(
    Object.entries(value).filter(
      ([name]) => wanted.has(name) || (name.startsWith('@') && name !== DOWNLOAD_URL),
    ),
  )
}

export const DOWNLOAD_URL = '@microsoft.graph.downloadUrl'
