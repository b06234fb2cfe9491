export interface Tally {
  requests: number
  bytes: number
}

/** What was asked and sent since the last reset. Bytes are bodies, before encryption. */
export class Counters {
  #routes: Record<string, number> = {}
  #statuses: Record<string, number> = {}
  #content: Tally = { requests: 0, bytes: 0 }
  #thumbnails: Tally = { requests: 0, bytes: 0 }
  #uploads: Tally = { requests: 0, bytes: 0 }
  #drives: Record<string, Tally> = {}
  #items: Record<string, Tally> = {}

  countRequest(route: string): void {
    this.#routes[route] = (this.#routes[route] ?? 0) + 1
  }

  countStatus(status: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
  }

  countDownload(drive: string | undefined, item: string | undefined): void {
    for (const tally of this.#tallies(drive, item)) tally.requests++
  }

  countContentBytes(drive: string | undefined, item: string | undefined, bytes: number): void {
    for (const tally of this.#tallies(drive, item)) tally.bytes += bytes
  }

  /** Of images; they are not content. */
  countThumbnail(): void {
    this.#thumbnails.requests++
  }

  countThumbnailBytes(bytes: number): void {
    this.#thumbnails.bytes += bytes
  }

  /** Of bytes that were accepted, whole files and fragments. */
  countUpload(bytes: number): void {
    this.#uploads.requests++
    this.#uploads.bytes += bytes
  }

  reset(): void {
    this.#routes = {}
    this.#statuses = {}
    this.#content = { requests: 0, bytes: 0 }
    this.#thumbnails = { requests: 0, bytes: 0 }
    this.#uploads = { requests: 0, bytes: 0 }
    this.#drives = {}
    this.#items = {}
  }

  report() {
    return {
      requests: Object.values(this.#routes).reduce((sum, count) => sum + count, 0),
      routes: this.#routes,
      statuses: this.#statuses,
      content: this.#content,
      thumbnails: this.#thumbnails,
      uploads: this.#uploads,
      drives: this.#drives,
      items: this.#items,
    }
  }

  #tallies(drive: string | undefined, item: string | undefined): Tally[] {
    const tallies = [this.#content]
    if (drive) tallies.push((this.#drives[drive] ??= { requests: 0, bytes: 0 }))
    if (item) tallies.push((this.#items[item] ??= { requests: 0, bytes: 0 }))
    return tallies
  }
}
