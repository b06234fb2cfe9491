import { Fault } from '../model/fault.js'
import type { HttpResponse } from './message.js'

/** A JSON object as it came, nothing of it checked. */
export type JsonObject = Readonly<Record<string, unknown>>

/** @throws {Fault} `protocol-error` where the body is not a JSON object. @param host for the message */
export function jsonObjectOf(response: HttpResponse, host: string): JsonObject {
  const value = tryJson(response.body)
  if (isJsonObject(value)) return value
  throw new Fault('protocol-error', `${host} answered something else than JSON (status ${response.status})`)
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
