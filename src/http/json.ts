import { Fault } from '../model/fault.js'
import type { HttpResponse } from './message.js'

/** A JSON object as it came, nothing of it checked. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * @param host for the message
 * @throws {Fault} `server-error` where the body is not a JSON object: a page of whatever stands in between, or of a
 *   service that is overloaded. Asking again may help.
 */
export function jsonObjectOf(response: HttpResponse, host: string): JsonObject {
  const value = tryJson(response.body)
  if (isJsonObject(value)) return value
  throw notAnAnswer(response, host)
}

/** What is neither the answer to a request nor a refusal of it: a redirect to a page, a page. */
export function notAnAnswer({ status }: Pick<HttpResponse, 'status'>, host: string): Fault {
  return new Fault('server-error', `${host} sent something else than an answer (status ${status})`, {
    nextStep:
      'Try again in a few minutes. If it stays so, a proxy or a sign-in page of the network may stand in between.',
  })
}

/** `undefined` where the body is not a JSON object, as with the error page of a proxy. */
export function tryJsonObjectOf(response: HttpResponse): JsonObject | undefined {
  const value = tryJson(response.body)
  return isJsonObject(value) ? value : undefined
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function tryJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}
