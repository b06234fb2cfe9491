import { createHash, webcrypto } from 'node:crypto'
import type { Bytes } from '../model/ids.js'

// A tenth of a millisecond; more goes to the thread pool, which costs as much to get there and back.
const AT_ONCE: Bytes = 64 * 1024

/** Base64, of bytes that nobody changes. More than a few are hashed on another thread. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= AT_ONCE) return createHash('sha256').update(bytes).digest('base64')
  // A copy is hashed.
  const digest = await webcrypto.subtle.digest('SHA-256', bytes)
  return Buffer.from(digest).toString('base64')
}
