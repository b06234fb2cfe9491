import { setTimeout } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { Limiter } from '../concurrency/limiter.js'
import type { HttpResponse, HttpSender } from '../http/message.js'
import { NetworkFault } from '../http/network-fault.js'
import { Fault } from '../model/fault.js'
import type { Bytes, Milliseconds } from '../model/ids.js'
import type { FoundThumbnail } from '../model/remote.js'
import { imageFormatOf } from '../model/thumbnail.js'
import { checkedUrl } from './download-urls.js'
import { retryAfterOf } from './graph-fault.js'

// A photo of 256 pixels has some ten kilobytes; what is larger than this is not a thumbnail.
const LARGEST_IMAGE: Bytes = 1024 * 1024
// From the request to the last byte: who sends a byte now and then must not keep a place for ever.
const DEADLINE: Milliseconds = 30_000
// As many as one host gets connections. An image is one round trip, so their number is the rate.
const IMAGES_AT_ONCE = 64
const MOST_REDIRECTS = 3
// Two round trips and a drawing; who is slower does not hold up the others.
const ALONE: Milliseconds = 250
const MOST_HOSTS = 100

/** What a media service answers that will not draw this file, now or later. */
const NOT_DRAWN = new Set([400, 404, 406, 410, 415, 422])

export type FetchedImage = FoundThumbnail | { readonly kind: 'refused' }

/** Images by their pre-authenticated URLs. Such a request never carries our token, whichever host it goes to. */
export class ThumbnailImages {
  readonly #http: HttpSender
  readonly #limiter = new Limiter(IMAGES_AT_ONCE)
  /** The first image of each host, which comes alone: the other connections then take up its TLS session. */
  readonly #firsts = new LRUCache<string, Promise<unknown>>({ max: MOST_HOSTS })

  constructor(http: HttpSender) {
    this.#http = http
  }

  /** @returns `refused` where another URL may help. Throws nothing but the signal's reason, and bugs. */
  async fetch(url: string, signal: AbortSignal): Promise<FetchedImage> {
    const { host } = new URL(url)
    const first = this.#firsts.get(host)
    const image =
      first === undefined ? this.#inTurn(url, signal) : first.then(() => this.#inTurn(url, signal))
    if (first === undefined) {
      const ended = image.catch(() => {})
      this.#firsts.set(host, Promise.race([ended, setTimeout(ALONE, undefined, { ref: false })]))
    }
    return await image
  }

  async #inTurn(url: string, signal: AbortSignal): Promise<FetchedImage> {
    try {
      return await this.#limiter.run('background', signal, () => this.#attempt(url, signal))
    } catch (failure) {
      signal.throwIfAborted()
      if (failure instanceof Fault) return { kind: 'failed', fault: failure }
      throw failure
    }
  }

  async #attempt(url: string, signal: AbortSignal): Promise<FetchedImage> {
    try {
      return judged(await this.#get(url, signal))
    } catch (failure) {
      // The connection was just being closed: once more.
      if (!(failure instanceof NetworkFault) || failure.breakdown !== 'interrupted') throw failure
      return judged(await this.#get(url, signal))
    }
  }

  async #get(first: string, signal: AbortSignal): Promise<HttpResponse> {
    const deadline = AbortSignal.timeout(DEADLINE)
    const either = AbortSignal.any([signal, deadline])
    let url = first
    try {
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        const headers = { accept: 'image/jpeg, image/png, image/webp, image/gif' }
        const response = await this.#http.send({ method: 'GET', url, headers }, either, {
          largestBody: LARGEST_IMAGE,
        })
        if (response.status < 300 || response.status >= 400) return response
        url = checkedUrl(absolute(response.headers['location'], url))
      }
    } catch (failure) {
      signal.throwIfAborted()
      if (deadline.aborted) throw new Fault('timed-out', 'A thumbnail did not come in time')
      throw failure
    }
    throw new Fault('protocol-error', 'A thumbnail was redirected too often')
  }
}

function judged(response: HttpResponse): FetchedImage {
  const { status, headers, body } = response
  if (status === 200) {
    const isImage = /^image\//i.test(headers['content-type'] ?? '') && imageFormatOf(body) !== undefined
    return isImage ? { kind: 'image', bytes: body } : { kind: 'unusable' }
  }
  if (status === 401 || status === 403) return { kind: 'refused' }
  if (NOT_DRAWN.has(status)) return { kind: 'unusable' }
  const code = status === 429 || status === 503 ? 'throttled' : 'server-error'
  const message = `The service's host of images answered with status ${status}`
  return { kind: 'failed', fault: new Fault(code, message, retryAfterOf(response)) }
}

function absolute(location: string | undefined, base: string): string | undefined {
  return location !== undefined && URL.canParse(location, base) ? new URL(location, base).href : undefined
}
