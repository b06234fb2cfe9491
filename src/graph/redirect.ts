import type { HttpResponse } from '../http/message.js'
import type { DriveId } from '../model/ids.js'

/** What a redirect of Graph leads to, and may be asked with our token. */
export interface Redirect {
  readonly url: string
  /** From now on, not only this time. */
  readonly isPermanent: boolean
}

const PERMANENT = [301, 308]
/** Whatever was sent is to be sent there as it is; after the others only a question may be asked again. */
const AS_IT_IS = [307, 308]
const FOLLOWED = [301, 302, ...AS_IT_IS]

/**
 * Where a site was renamed, or moved, Graph answers 308 with the new address (microsoft-graph-docs #8326). Only an address of the same
 * host and version is one; others, such as that of a file's bytes, are answers.
 *
 * @param asked absolute, of Graph
 */
export function redirectOf(
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  asked: string,
  method: string,
): Redirect | undefined {
  const location = headers['location']
  if (!FOLLOWED.includes(status) || location === undefined || !URL.canParse(location, asked)) return undefined
  if (method !== 'GET' && !AS_IT_IS.includes(status)) return undefined
  const [from, to] = [new URL(asked), new URL(location, asked)]
  const version = from.pathname.split('/')[1] ?? ''
  const isWithin =
    to.protocol === 'https:' && to.host === from.host && to.username === '' && to.password === ''
  if (!isWithin || !to.pathname.startsWith(`/${version}/`) || to.href === from.href) return undefined
  return { url: to.href, isPermanent: PERMANENT.includes(status) }
}

/** Of an address below a drive. */
export function driveIn(url: string): DriveId | undefined {
  const id = /^\/[^/]+\/drives\/([^/:?]+)/.exec(new URL(url).pathname)?.[1]
  try {
    return id === undefined ? undefined : (decodeURIComponent(id) as DriveId)
  } catch {
    return undefined
  }
}
