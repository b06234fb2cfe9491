import type { WorldClock } from '../clock.js'
import { receiveBytes } from '../http/receive.js'
import type { Content } from './content.js'
import type { Drive, Item } from './drive.js'
import type { Spool } from './spool.js'

interface Due {
  readonly at: number
  readonly drive: Drive
  readonly item: Item
  /** Somebody who has written meanwhile gets a promotion of his own. */
  readonly cTag: number
}

/** Larger documents stay as they are sent. */
const LARGEST = 64 * 1024 * 1024

/**
 * SharePoint writes the columns of a library into Office documents that are uploaded there. Size, hash and tags are
 * others afterwards, seconds after the upload was answered.
 *
 * https://github.com/OneDrive/onedrive-api-docs/issues/935
 */
export class Promotions {
  readonly #spool: Spool
  readonly #clock: WorldClock
  #due: Due[] = []
  #running: Promise<void> = Promise.resolve()

  constructor(spool: Spool, clock: WorldClock) {
    this.#spool = spool
    this.#clock = clock
  }

  /** A new state of a file is there. */
  schedule(drive: Drive, item: Item): void {
    const ending = item.name.slice(item.name.lastIndexOf('.') + 1).toLowerCase()
    if (!drive.rules.promotedEndings.includes(ending) || item.size > LARGEST) return
    const at = this.#clock.now() + drive.rules.promotionDelaySeconds * 1000
    this.#due.push({ at, drive, item, cTag: item.cTag })
  }

  /** Before every request: nobody can see a state that should have ended. */
  async runDue(): Promise<void> {
    if (this.#due.length > 0) this.#running = this.#running.catch(() => undefined).then(() => this.#run())
    await this.#running
  }

  async #run(): Promise<void> {
    const now = this.#clock.now()
    const due = this.#due.filter(each => each.at <= now)
    this.#due = this.#due.filter(each => each.at > now)
    for (const each of due) await this.#promote(each)
  }

  async #promote({ drive, item, cTag }: Due): Promise<void> {
    const stale = () => item.cTag !== cTag || drive.find(item.id) !== item || !item.content
    if (stale() || !item.content) return
    const bytes = promoted(await readAll(item.content), `ContentTypeId 0x0101 ${item.guid} ${cTag}`)
    if (!bytes) return
    const content = await this.#spool.store(receiveBytes(bytes), bytes.length)
    if (stale()) content.dispose?.()
    else drive.replaceContent(item, content, this.#clock.now(), item.eTag + 1, { times: item.fileTimes })
  }
}

const END_OF_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1')
const LENGTH_AT = 20

/**
 * The same ZIP archive with the properties in its comment, where every reader of documents lets them be; `undefined`
 * for what is none.
 */
function promoted(bytes: Buffer, properties: string): Buffer | undefined {
  const end = bytes.lastIndexOf(END_OF_DIRECTORY)
  if (end < 0 || end + LENGTH_AT + 2 > bytes.length) return undefined
  if (end + LENGTH_AT + 2 + bytes.readUInt16LE(end + LENGTH_AT) !== bytes.length) return undefined
  const comment = Buffer.from(properties)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(comment.length)
  return Buffer.concat([bytes.subarray(0, end + LENGTH_AT), length, comment])
}

async function readAll(content: Content): Promise<Buffer> {
  const bytes = Buffer.alloc(content.size)
  const reader = await content.open()
  try {
    let read = 0
    while (read < bytes.length) {
      const count = await reader.read(bytes.subarray(read), read)
      if (count === 0) break
      read += count
    }
    return bytes.subarray(0, read)
  } finally {
    await reader.close()
  }
}
