import { isJsonObject } from '../http/json.js'
import type { LibraryAccess } from '../model/library.js'

// Of the lower half of SharePoint's `SP.BasePermissions`: `SP.PermissionKind` numbers them from 1.
const VIEW = 0x1
const ADD = 0x2
const EDIT = 0x4
const DELETE = 0x8
const LARGEST = 0xffff_ffff

/**
 * What the answer of `EffectiveBasePermissions` lets us do. `unknown`: it makes no sense, or does not even let us see what
 * we see, as where a guest has rights further down only.
 */
export function accessOf(answer: unknown): LibraryAccess {
  const low = isJsonObject(answer) ? maskOf(answer['Low']) : undefined
  // The other half does not matter, but where it is not a mask the first is none either.
  if (low === undefined || !isJsonObject(answer) || maskOf(answer['High']) === undefined) return 'unknown'
  if ((low & VIEW) === 0) return 'unknown'
  return (low & (ADD | EDIT | DELETE)) === 0 ? 'read' : 'write'
}

/** An unsigned number of 32 bits in decimal digits, as SharePoint writes 64-bit integers. */
function maskOf(raw: unknown): number | undefined {
  if (typeof raw !== 'string' || !/^\d{1,10}$/.test(raw)) return undefined
  const mask = Number(raw)
  return mask <= LARGEST ? mask : undefined
}
