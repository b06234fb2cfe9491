import type { Caller } from '../entra/tokens.js'
import type { Exchange } from '../http/exchange.js'
import { header } from '../http/exchange.js'
import type { ODataOptions } from './odata.js'

/** A Graph request whose caller is known. */
export interface GraphRequest {
  readonly caller: Caller
  readonly exchange: Exchange
  readonly options: ODataOptions
  readonly beta: boolean
}

/** Values of the Prefer header, lower case. */
export function prefers(request: GraphRequest, value: string): boolean {
  const sent = header(request.exchange, 'prefer')?.toLowerCase().split(',') ?? []
  return sent.some(each => each.trim() === value.toLowerCase())
}

/** The request's own address with other query parameters: for next and delta links. */
export function linkTo(request: GraphRequest, changes: Readonly<Record<string, string>>): string {
  const { exchange } = request
  const query = new URLSearchParams(exchange.query)
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name.replace(/^\$/, ''))
    query.set(name, value)
  }
  return `https://${exchange.host}${exchange.path}?${query.toString()}`
}
