import { createHash } from 'node:crypto'
import type { Counters } from '../counters.js'
import type { SignIns } from '../entra/sign-ins.js'
import type { FaultBook, NewFault } from '../faults/fault-book.js'
import type { Budgets } from '../graph/budgets.js'
import { locate } from '../graph/items.js'
import { type Answer, empty, json, Refusal } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { type LinkShape, UNSHAPED } from '../http/link.js'
import { serve } from '../sharepoint/download.js'
import type { DownloadUrls } from '../sharepoint/download-urls.js'
import type { Notifications } from '../sharepoint/notifications.js'
import type { ThumbnailUrls } from '../sharepoint/thumbnail-urls.js'
import type { UploadSessions } from '../sharepoint/upload-sessions.js'
import { coloursOf, shapeOf } from '../world/thumbnail-image.js'
import type { World } from '../world/world.js'
import { editItem } from './edit-item.js'
import { AdminError } from './admin-error.js'
import { describeWorld } from './describe-world.js'
import { listRecycled, listUploads, restoreRecycled, rulesOf, setRules } from './libraries.js'
import { outboxAnswer } from './outbox.js'
import { changePeople } from './people.js'

export interface AdminDeps {
  readonly world: World
  readonly faults: FaultBook
  readonly counters: Counters
  readonly signIns: SignIns
  readonly downloadUrls: DownloadUrls
  readonly thumbnailUrls: ThumbnailUrls
  readonly notifications: Notifications
  readonly sessions: UploadSessions
  readonly budgets: Budgets
  /** Where the link's shape is kept. */
  readonly server: { link: LinkShape }
}

const ROOT = '/_emulator'

/** The emulator's own address, for people and tests. Documented in docs/EMULATOR.md. */
export class Admin {
  readonly #deps: AdminDeps

  constructor(deps: AdminDeps) {
    this.#deps = deps
  }

  serves(exchange: Exchange): boolean {
    return exchange.host === '127.0.0.1' || exchange.host === 'localhost'
  }

  async answer(exchange: Exchange): Promise<Answer> {
    try {
      return await this.#answer(exchange)
    } catch (failure) {
      if (failure instanceof Refusal) return failure.answer
      if (failure instanceof AdminError) return json(400, { error: failure.message })
      throw failure
    }
  }

  async #answer(exchange: Exchange): Promise<Answer> {
    const { world, faults, counters, server } = this.#deps
    const what = `${exchange.method} ${exchange.path.slice(ROOT.length)}`
    if (exchange.path !== ROOT && !exchange.path.startsWith(ROOT + '/')) return unknown(exchange)
    switch (what) {
      case 'GET ':
      case 'GET /':
      case 'GET /world':
        return json(200, describeWorld(world))
      case 'GET /clock':
        return json(200, this.#clock())
      case 'PUT /clock':
        return json(200, this.#setClock(await bodyOf(exchange)))
      case 'GET /faults':
        return json(200, { faults: faults.list() })
      case 'PUT /faults':
      case 'POST /faults':
        return json(200, this.#putFault(await bodyOf(exchange)))
      case 'DELETE /faults':
        faults.clear()
        return empty(204)
      case 'GET /link':
        return json(200, server.link)
      case 'PUT /link':
        server.link = { ...UNSHAPED, ...(await bodyOf(exchange)) }
        return json(200, server.link)
      case 'DELETE /link':
        server.link = UNSHAPED
        return empty(204)
      case 'GET /counters':
        return json(200, counters.report())
      case 'DELETE /counters':
        counters.reset()
        return empty(204)
      case 'PUT /budget':
        return json(200, this.#setBudget(await bodyOf(exchange)))
      case 'PUT /thumbnails':
        return json(200, this.#setThumbnails(await bodyOf(exchange)))
      case 'GET /push':
        return json(200, this.#push())
      case 'PUT /push':
        return json(200, this.#setPush(await bodyOf(exchange)))
      case 'POST /device':
        return json(200, this.#approveDevice(await bodyOf(exchange)))
      case 'POST /people':
        return json(200, changePeople(world, await bodyOf(exchange)))
      case 'POST /items':
        return json(200, await editItem(world, await bodyOf(exchange)))
      case 'GET /libraries':
        return json(200, rulesOf(world, exchange.query.get('drive')))
      case 'PUT /libraries':
        return json(200, setRules(world, await bodyOf(exchange)))
      case 'GET /recycle-bin':
        return json(200, listRecycled(world, exchange.query.get('drive')))
      case 'POST /recycle-bin':
        return json(200, restoreRecycled(world, await bodyOf(exchange)))
      case 'GET /uploads':
        return json(200, listUploads(this.#deps.sessions))
      case 'POST /upload-url':
        return json(200, this.#uploadUrl(await bodyOf(exchange)))
      case 'GET /item':
        return json(200, await this.#describe(exchange))
      case 'GET /bytes':
        return this.#bytes(exchange)
      case 'GET /sha256':
        return this.#sha256(exchange)
      case 'GET /thumbnail-url':
        return this.#thumbnailUrl(exchange)
      case 'GET /download-url':
        return this.#downloadUrl(exchange)
      default:
        return this.#withParameter(exchange)
    }
  }

  #withParameter(exchange: Exchange): Answer {
    const mails = outboxAnswer(this.#deps.world, exchange, exchange.path.slice(ROOT.length))
    if (mails) return mails
    const fault = /^\/_emulator\/faults\/([^/]+)$/.exec(exchange.path)?.[1]
    if (fault !== undefined && exchange.method === 'DELETE') {
      return this.#deps.faults.remove(decodeURIComponent(fault))
        ? empty(204)
        : json(404, { error: 'no such fault' })
    }
    return unknown(exchange)
  }

  #clock() {
    const { clock } = this.#deps.world
    return { now: new Date(clock.now()).toISOString(), frozen: clock.frozen }
  }

  #setClock(body: Record<string, unknown>) {
    const { clock } = this.#deps.world
    if (typeof body['now'] === 'string') clock.set(dateOf(body['now']))
    if (typeof body['advanceSeconds'] === 'number') clock.advance(body['advanceSeconds'] * 1000)
    if (typeof body['frozen'] === 'boolean') clock.freeze(body['frozen'])
    return this.#clock()
  }

  #putFault(body: Record<string, unknown>) {
    if (typeof body['action'] !== 'object' || body['action'] === null)
      throw new AdminError('a fault needs an action')
    return this.#deps.faults.put(body as unknown as NewFault)
  }

  #setBudget(body: Record<string, unknown>) {
    const tenant = this.#deps.world.tenant(String(body['tenant']))
    const units = body['unitsPerMinute']
    if (tenant === undefined) throw new AdminError('no such tenant')
    if (units !== null && !(typeof units === 'number' && Number.isInteger(units) && units > 0)) {
      throw new AdminError('unitsPerMinute is a positive whole number, or null')
    }
    this.#deps.budgets.set(tenant.id, units ?? undefined)
    return { tenant: tenant.id, unitsPerMinute: units }
  }

  #approveDevice(body: Record<string, unknown>) {
    const device = this.#deps.signIns.findDeviceByUserCode(String(body['userCode']))
    const user = this.#deps.world.user(String(body['user']))
    if (!device) throw new AdminError('no sign-in waits for this code')
    if (!user && body['decline'] !== true) throw new AdminError('no such user')
    device.state = user ?? 'declined'
    return { approved: user?.upn ?? null }
  }

  #push() {
    const { lifetimeSeconds, listeners } = this.#deps.notifications
    return { lifetimeSeconds, listeners }
  }

  async #setPush(body: Record<string, unknown>) {
    const { notifications } = this.#deps
    if (typeof body['lifetimeSeconds'] === 'number') notifications.lifetimeSeconds = body['lifetimeSeconds']
    if (body['disconnect'] === true) await notifications.disconnect()
    return this.#push()
  }

  /** As `createUploadSession` would answer for a new file of the library, so that another client can be timed. */
  #uploadUrl(body: Record<string, unknown>) {
    const at = this.#deps.world.drive(String(body['drive']))
    const { name } = body
    if (at === undefined || typeof name !== 'string') throw new AdminError('no such drive, or no name')
    const session = this.#deps.sessions.begin({
      at,
      where: { path: [name] },
      parent: at.drive.rootId,
      name,
      behavior: 'replace',
      conditions: { match: undefined, noneMatch: undefined },
      times: undefined,
      author: at.drive.author,
      deferCommit: false,
    })
    return { url: this.#deps.sessions.urlOf(session) }
  }

  async #describe(exchange: Exchange) {
    const item = await this.#item(exchange)
    const { id, name, kind, size, eTag, cTag, modified, fileTimes, content, history = [] } = item
    return {
      id,
      name,
      kind,
      size,
      eTag,
      cTag,
      modified: fileTimes?.modified ?? modified,
      ...(content && {
        quickXorHash: content.quickXorHash(),
        versions: history.length + 1,
        contents: new Set([content, ...history.map(version => version.content)]).size,
      }),
      ...(kind === 'folder' && { children: item.children.map(child => child.name) }),
    }
  }

  async #bytes(exchange: Exchange): Promise<Answer> {
    const item = await this.#item(exchange)
    if (!item.content) throw new AdminError('not a file')
    return serve(item.content, header(exchange, 'range'), { 'Content-Type': 'application/octet-stream' })
  }

  /** What `/content` would redirect to, so that another client can be timed on the same URL. */
  async #downloadUrl(exchange: Exchange): Promise<Answer> {
    const item = await this.#item(exchange)
    const placed = this.#deps.world.drive(exchange.query.get('drive') ?? '')
    if (!placed || !item.content) throw new AdminError('not a file')
    const { downloadUrls, world } = this.#deps
    return json(200, { url: downloadUrls.make(placed.site, placed.drive, item, world.clock.now()) })
  }

  /** What `/thumbnails/0/c256x256/content` would redirect to, and what can be seen there. */
  async #thumbnailUrl(exchange: Exchange): Promise<Answer> {
    const item = await this.#item(exchange)
    const placed = this.#deps.world.drive(exchange.query.get('drive') ?? '')
    if (!placed || !shapeOf(item)) throw new AdminError('nothing that has a thumbnail')
    const { thumbnailUrls, world } = this.#deps
    const box = { width: 256, height: 256, crop: false }
    const url = thumbnailUrls.make(placed.site, placed.drive, item, box, world.clock.now())
    return json(200, { url, ...coloursOf(item, item.cTag) })
  }

  #setThumbnails(body: Record<string, unknown>) {
    const { thumbnails } = this.#deps.world
    const { available, expandable, drive } = body
    if (typeof expandable === 'boolean') thumbnails.expandable = expandable
    if (typeof available === 'boolean') {
      if (typeof drive !== 'string') thumbnails.unavailable = !available
      else if (available) thumbnails.unavailableIn.delete(drive)
      else thumbnails.unavailableIn.add(drive)
    }
    return { ...thumbnails, unavailableIn: [...thumbnails.unavailableIn] }
  }

  async #sha256(exchange: Exchange): Promise<Answer> {
    const item = await this.#item(exchange)
    if (!item.content) throw new AdminError('not a file')
    const reader = await item.content.open()
    const hash = createHash('sha256')
    const buffer = Buffer.alloc(1024 * 1024)
    try {
      for (let offset = 0; offset < item.size;) {
        const count = await reader.read(buffer, offset)
        if (count === 0) throw new AdminError('the file ended early')
        hash.update(buffer.subarray(0, count))
        offset += count
        await new Promise(setImmediate) // lets other requests through
      }
    } finally {
      await reader.close()
    }
    return json(200, {
      sha256: hash.digest('hex'),
      size: item.size,
      quickXorHash: item.content.quickXorHash() ?? null,
    })
  }

  async #item(exchange: Exchange) {
    const placed = this.#deps.world.drive(exchange.query.get('drive') ?? '')
    if (!placed) throw new AdminError('no such drive')
    const id = exchange.query.get('item')
    const path = exchange.query
      .get('path')
      ?.split('/')
      .filter(part => part !== '')
    return locate(placed, id === null ? { path: path ?? [] } : { id })
  }
}

async function bodyOf(exchange: Exchange): Promise<Record<string, unknown>> {
  try {
    return JSON.parse((await exchange.body()).toString('utf8')) as Record<string, unknown>
  } catch {
    throw new AdminError('the body is not JSON')
  }
}

function dateOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new AdminError(`'${text}' is not a time`)
  return time
}

function unknown(exchange: Exchange): Answer {
  return json(404, { error: `no admin route ${exchange.method} ${exchange.path}, see docs/EMULATOR.md` })
}
