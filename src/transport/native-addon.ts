import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type * as native from '../../native/index.js'

export type {
  NodeRecord,
  Request,
  Session,
  SessionOptions,
  Statistics as SessionStatistics,
} from '../../native/index.js'

export type NativeAddon = typeof native

// From dist/src/transport, where this file runs.
const ADDON = fileURLToPath(new URL('../../../native/build/Release/b2bmount.node', import.meta.url))

/**
 * Its TLS: there on Linux only, and where Node.js exports its OpenSSL.
 */
export function nativeTls(addon: NativeAddon): Pick<NativeAddon, 'TlsTrust' | 'TlsConnection'> | undefined {
  return (addon as Partial<NativeAddon>).TlsConnection === undefined ? undefined : addon
}

/**
 * The addon that `npm install` has built. `Session` and `detach` are there on Linux only.
 *
 * @throws {Error} `MODULE_NOT_FOUND` if it was not built, `ERR_DLOPEN_FAILED` if it was built for another machine
 */
export function loadNativeAddon(): NativeAddon {
  return createRequire(import.meta.url)(ADDON) as NativeAddon
}
