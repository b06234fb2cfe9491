/**
 * A fault, as data. A rule looks at every request; when it matches and its turn has come, the
 * answer is changed by its action.
 */
export interface FaultRule {
  readonly id: string
  readonly match: FaultMatch
  /** Fires from this matching request on; 1 is the first. */
  readonly from: number
  /** How often it fires; 0 = always. */
  readonly times: number
  readonly action: FaultAction
}

export interface FaultMatch {
  /** Ending of the host name: `.sharepoint.com`, `graph.microsoft.com`. */
  readonly host?: string
  /** Name of the route: `children`, `download`, `token` … */
  readonly route?: string
  readonly method?: string
  readonly drive?: string
  readonly item?: string
  /** Substring of the whole URL. */
  readonly url?: string
}

export interface FaultAction {
  /** Answers this status instead of doing the work, with a body as the service words it. */
  readonly status?: number
  readonly code?: string
  readonly message?: string
  readonly retryAfterSeconds?: number
  /** Answers this body, with `status` or 200. Need not be JSON. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** 401: an expired token, a garbled one, a claims challenge, an expired download URL. */
  readonly unauthorized?: 'expired' | 'invalid' | 'claims-challenge' | 'expired-url'
  /** 410 on delta. */
  readonly resync?:
    | 'resyncRequired'
    | 'resyncChangesApplyDifferences'
    | 'resyncChangesUploadDifferences'
    | 'syncStateNotFound'
  /** Cuts the connection (TCP reset) after so many bytes of body. */
  readonly resetAfterBytes?: number
  /** Announces the whole body, sends so many bytes of it and closes the connection. */
  readonly endAfterBytes?: number
  /** Announces a body longer (or shorter, if negative) than what is sent, and closes. */
  readonly lengthOff?: number
  /** Does not say how long the body is. */
  readonly chunked?: boolean
  /** Answers 200 and the whole file to a range request. */
  readonly ignoreRange?: boolean
  /** Sends so many bytes and then nothing more, keeping the connection. */
  readonly stallAfterBytes?: number
  /** Inverts the byte at this offset of the file, if it is sent. */
  readonly corruptAt?: number
  /** The body is only so long, and its Content-Length says so: a damaged file, well delivered. */
  readonly keepBytes?: number
  /** Thumbnail URLs that lead to an image of the content before the present one, or do not say of which they are. */
  readonly thumbnailsOf?: 'earlier-version' | 'unnamed-version'
  /** Cuts the connection (TCP reset) once so many bytes of the request's body have come; none of them counts. */
  readonly resetAfterReceivedBytes?: number
  /** Reads so many bytes of the request's body and then nothing more, keeping the connection. */
  readonly stallAfterReceivedBytes?: number
  /** Does the work and cuts the connection instead of answering. */
  readonly loseAnswer?: boolean
  readonly latencyMilliseconds?: number
  readonly bytesPerSecond?: number
  /** Properties that are left out of every driveItem of the answer. */
  readonly omit?: readonly string[]
  /** A page of delta or children without entries, followed by the real one. */
  readonly emptyPage?: boolean
  /**
   * A page of delta or children that is never the last one: without entries, always with the same ones, with files that
   * were on none before, or with the same ones and links in a circle of two.
   */
  readonly endless?: 'empty' | 'same' | 'new' | 'circle'
  /** Every entry of a delta page twice, the first time with another name. */
  readonly duplicate?: boolean
  /** Entries of a delta page in reverse order: children before their parents. */
  readonly reverse?: boolean
}

export interface Seen {
  readonly host: string
  readonly route: string
  readonly method: string
  readonly url: string
  readonly drive: string | undefined
  readonly item: string | undefined
}

export function matches(match: FaultMatch, seen: Seen): boolean {
  return (
    (match.host === undefined || seen.host.endsWith(match.host)) &&
    (match.route === undefined || match.route === seen.route) &&
    (match.method === undefined || match.method === seen.method) &&
    (match.drive === undefined || match.drive === seen.drive) &&
    (match.item === undefined || match.item === seen.item) &&
    (match.url === undefined || seen.url.includes(match.url))
  )
}
