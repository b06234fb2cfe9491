import type { Content } from '../world/content.js'

export type Headers = Readonly<Record<string, string | readonly string[]>>

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly type: string; readonly text: string }
  /** `start` in, `end` out. */
  | { readonly kind: 'content'; readonly content: Content; readonly start: number; readonly end: number }

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

export const JSON_TYPE = 'application/json; charset=utf-8'

export function json(status: number, value: unknown, headers: Headers = {}): Answer {
  return { status, headers, body: { kind: 'text', type: JSON_TYPE, text: JSON.stringify(value) } }
}

export function html(status: number, page: string, headers: Headers = {}): Answer {
  return { status, headers, body: { kind: 'text', type: 'text/html; charset=utf-8', text: page } }
}

export function empty(status: number, headers: Headers = {}): Answer {
  return { status, headers, body: { kind: 'none' } }
}

export function redirect(location: string, headers: Headers = {}): Answer {
  return empty(302, { ...headers, Location: location })
}

export function withHeaders(answer: Answer, headers: Headers): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

/** Thrown by a handler instead of returning: the answer is known and final. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly answer: Answer

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`)
    this.answer = answer
  }
}
