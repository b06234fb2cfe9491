import { isJsonObject, type JsonObject } from '../http/json.js'
import { Fault } from '../model/fault.js'
import type { ItemKey } from '../model/ids.js'
import { whereaboutsOf } from './wire.js'

/**
 * Refuses a page of a list that is not of the drive, or not of the folder, that was asked for: what a next link brings
 * may be another list. Entries that do not say where they are prove nothing.
 *
 * @throws {Fault} `server-error`: asking again may bring the right one
 */
export function checkWhereabouts(asked: ItemKey, of: 'folder' | 'drive'): (answer: JsonObject) => void {
  return ({ value }) => {
    if (!Array.isArray(value)) return
    const isElsewhere = value.some((entry: unknown) => {
      // Whatever is gone need not say where it was.
      if (isJsonObject(entry) && isJsonObject(entry['deleted'])) return false
      const { parent, drive } = whereaboutsOf(entry)
      return differs(drive, asked.drive) || (of === 'folder' && differs(parent, asked.item))
    })
    if (!isElsewhere) return
    throw new Fault('server-error', 'The service sent a page of another folder', {
      nextStep: 'Try again in a few minutes.',
    })
  }
}

/** Ids have been seen in other capitals than they were asked for. */
function differs(said: string | undefined, asked: string): boolean {
  return said !== undefined && said.toLowerCase() !== asked.toLowerCase()
}
