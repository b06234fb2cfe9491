import type { Exchange } from '../../http/exchange.js'
import type { FileTimes } from '../../world/drive.js'
import { badRequest } from '../graph-error.js'

export type ConflictBehavior = 'fail' | 'replace' | 'rename'

/** rclone still says `@name.` where everybody else says `@microsoft.graph.`. */
const CONFLICT_BEHAVIOR = ['@microsoft.graph.conflictBehavior', '@name.conflictBehavior']

/** A JSON object; `{}` where there is no body. */
export async function jsonBody(exchange: Exchange): Promise<Readonly<Record<string, unknown>>> {
  const text = (await exchange.body()).toString('utf8')
  if (text === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badRequest('Unable to read JSON request payload.')
  }
  return objectOf(value, 'the request')
}

export function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(`An object was expected as ${what}.`)
  }
  return value as Readonly<Record<string, unknown>>
}

export function stringOf(value: unknown, what: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw badRequest(`A string was expected as ${what}.`)
}

/** From the query or from the body. */
export function conflictBehavior(
  exchange: Exchange,
  body: Readonly<Record<string, unknown>>,
): ConflictBehavior | undefined {
  const asked = CONFLICT_BEHAVIOR.map(name => exchange.query.get(name) ?? body[name]).find(
    each => each !== undefined && each !== null,
  )
  if (asked === undefined || asked === 'fail' || asked === 'replace' || asked === 'rename') return asked
  throw badRequest('Invalid value for conflictBehavior.')
}

export function isAnnotation(name: string): boolean {
  return name.includes('@')
}

/** The times of a `fileSystemInfo`, to the second, as SharePoint keeps them. */
export function fileTimes(value: unknown): FileTimes | undefined {
  if (value === undefined) return undefined
  const info = objectOf(value, 'fileSystemInfo')
  const created = timeOf(info['createdDateTime'])
  const modified = timeOf(info['lastModifiedDateTime'])
  timeOf(info['lastAccessedDateTime']) // looked at and not kept
  if (created === undefined && modified === undefined) return undefined
  return { ...(created !== undefined && { created }), ...(modified !== undefined && { modified }) }
}

function timeOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : NaN
  if (Number.isNaN(time)) throw badRequest('A DateTimeOffset was expected.', 'invalidParameterFormat')
  return Math.floor(time / 1000) * 1000
}
