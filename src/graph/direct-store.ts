import type { Bytes } from '../model/ids.js'
import type { DirectStore } from '../model/remote.js'

/** Calls `onStored` with how many bytes of `store` are there by now. */
export function watched(
  store: DirectStore | undefined,
  onStored: (total: Bytes) => void,
): DirectStore | undefined {
  if (store === undefined) return undefined
  let total = 0
  return {
    ...store,
    stored: (length, hash) => {
      store.stored(length, hash)
      total += length
      onStored(total)
    },
    fault: failure => store.fault(failure),
  }
}
