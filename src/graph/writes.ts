import { isJsonObject, jsonObjectOf, notAnAnswer, type JsonObject } from '../http/json.js'
import type { HttpSender } from '../http/message.js'
import type { DriveItem } from '../model/drive-item.js'
import { Fault, isFault, type FaultOptions } from '../model/fault.js'
import type { ContentVersion, ItemKey, Milliseconds, TenantId } from '../model/ids.js'
import type { OrganizationNames } from '../model/organization-names.js'
import type {
  ItemUpdate,
  RemoteContent,
  RemoteWriter,
  UploadProgress,
  UploadSource,
  UploadTarget,
} from '../model/remote.js'
import { isSameSecond, servableTime } from '../model/same-second.js'
import { Arrived } from './arrived.js'
import { hasContent } from './content-check.js'
import { LARGEST_FRAGMENT } from './fragments.js'
import { GatheredWrites } from './gathered-writes.js'
import type { GraphClient, WriteRequest } from './graph-client.js'
import { untilKnown, type WriteTiming } from './lost-answers.js'
import { NameHeld } from './open-session.js'
import { childPath, itemPath } from './paths.js'
import { ifMatch, putContent, uploadPath } from './put-content.js'
import { holdsBytes } from './read-back.js'
import { SessionUpload } from './session-upload.js'
import type { Throttle } from './throttle.js'
import { UploadUrl } from './upload-url.js'
import { ITEM_FIELDS, parseDriveItem, parseTopItem, tryItemId, UnusableItem } from './wire.js'

const GONE = 'gone'

export interface GraphWriterDeps extends WriteTiming {
  readonly graph: GraphClient
  /** For upload URLs, which never get our token. */
  readonly http: HttpSender
  readonly throttle: Throttle
  readonly organizations: OrganizationNames
  /** For what has to be read back. */
  readonly content: RemoteContent
}

/**
 * Everything that changes a library.
 *
 * Files go by upload session, small ones in one fragment: that sets their time with the content. `PUT …/content` cannot,
 * and the PATCH that it would take is no fewer requests and, on SharePoint, one version more. Empty files cannot go by session.
 */
export class GraphWriter implements RemoteWriter {
  readonly #deps: GraphWriterDeps
  readonly #sessions: GatheredWrites

  constructor(deps: GraphWriterDeps) {
    this.#deps = deps
    this.#sessions = new GatheredWrites(deps.graph)
  }

  async upload(
    target: UploadTarget,
    source: UploadSource,
    progress: UploadProgress,
    signal: AbortSignal,
  ): Promise<DriveItem> {
    const key = target.kind === 'new' ? target.parent : target.item
    const arrived = new Arrived(this, target, source, signal)
    const itemOf = async (answer: JsonObject) =>
      arrived.confirm(await this.#itemOf(key, answer, signal), answer)
    const deps = { ...this.#deps, sessions: this.#sessions, itemOf }
    const inOneRequest = () => putContent(deps, this, { target, source, arrived }, signal)
    if (source.size === 0) return await inOneRequest()
    const order = {
      tenant: key.tenant,
      target,
      creation: sessionRequest(target, source),
      arrived,
      source,
      progress,
    }
    try {
      return await new SessionUpload(deps, order, signal).run()
    } catch (failure) {
      if (!(failure instanceof NameHeld)) throw failure
      // What would go in one fragment may as well go without a session.
      if (source.size <= LARGEST_FRAGMENT) return await inOneRequest()
      throw new Fault('upload-held', 'The service still has an earlier upload to this name', {
        nextStep: 'It ends that within a quarter of an hour; until then this is tried again every minute.',
        cause: failure,
      })
    }
  }

  async endUpload(tenant: TenantId, sessionUrl: string, signal: AbortSignal): Promise<void> {
    await new UploadUrl(this.#deps, tenant, sessionUrl).cancel(signal)
  }

  async createFolder(parent: ItemKey, name: string, signal: AbortSignal): Promise<DriveItem> {
    childPath(parent, name)
    const body = { name, folder: {}, '@microsoft.graph.conflictBehavior': 'fail' }
    const path = `${itemPath(parent.drive, parent.item)}/children`
    return await untilKnown(this.#deps, signal, {
      send: () => this.#change(parent, { method: 'POST', path, body: JSON.stringify(body) }, signal),
      look: async () => {
        const there = await this.child(parent, name, signal)
        return there?.kind === 'folder' ? there : undefined
      },
      doneAlready: [],
      doneByUs: ['name-taken'],
    })
  }

  async update(
    item: ItemKey,
    update: ItemUpdate,
    eTag: string | undefined,
    signal: AbortSignal,
  ): Promise<DriveItem> {
    const { name, parent, modified } = update
    const body = {
      ...(name !== undefined && { name }),
      ...(parent !== undefined && { parentReference: { id: parent } }),
      ...(modified !== undefined && { fileSystemInfo: timesOf(modified) }),
    }
    const path = itemPath(item.drive, item.item)
    const request = { method: 'PATCH', path, body: JSON.stringify(body), headers: ifMatch(eTag) } as const
    const namesNothing = name === undefined && parent === undefined
    return await untilKnown(this.#deps, signal, {
      send: async () => {
        try {
          return await this.#change(item, request, signal)
        } catch (failure) {
          // 409 with a code that nobody knows: no name can be in the way where none was given.
          if (namesNothing && isFault(failure, 'name-taken')) throw this.#changedMeanwhile(item, failure)
          throw failure
        }
      },
      look: async () => {
        const now = await this.item(item, signal)
        return isAsWanted(now, update) ? now : undefined
      },
      doneAlready: ['stale-content', 'name-taken'],
    })
  }

  async delete(item: ItemKey, eTag: string | undefined, signal: AbortSignal): Promise<void> {
    const path = itemPath(item.drive, item.item)
    const request = { method: 'DELETE', path, headers: ifMatch(eTag) } as const
    await untilKnown(this.#deps, signal, {
      send: () => this.#unlessGone(item, () => this.#delete(item, request, signal)),
      look: () => this.#unlessGone(item, () => this.item(item, signal).then(() => undefined)),
      doneAlready: [],
    })
  }

  async #delete({ tenant }: ItemKey, request: WriteRequest, signal: AbortSignal): Promise<typeof GONE> {
    const answer = await this.#deps.graph.write(tenant, request, signal)
    if (answer.status === 204) return GONE
    throw notAnAnswer(answer, 'The service')
  }

  async #unlessGone<Value>({ tenant }: ItemKey, ask: () => Promise<Value>): Promise<Value | typeof GONE> {
    try {
      return await ask()
    } catch (failure) {
      if (isFault(failure, 'item-not-found')) return GONE
      // A retention policy says so, of whatever name.
      if (isFault(failure, 'name-taken')) throw this.#mayNotBeDeleted(tenant, failure)
      throw failure
    }
  }

  async holds(
    item: ItemKey,
    version: ContentVersion,
    source: UploadSource,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (source.size === 0) return await this.#isEmpty(item, version, signal)
    return await holdsBytes(this.#deps.content, item, version, source, signal)
  }

  /** There are no bytes to be read back. */
  async #isEmpty(key: ItemKey, version: ContentVersion, signal: AbortSignal): Promise<boolean> {
    try {
      const item = await this.item(key, signal)
      return item.kind === 'file' && item.size === 0 && hasContent(item, version)
    } catch (failure) {
      if (isFault(failure, 'item-not-found')) return false
      throw failure
    }
  }

  async item({ tenant, drive, item }: ItemKey, signal: AbortSignal): Promise<DriveItem> {
    const address = `${itemPath(drive, item)}?$select=${ITEM_FIELDS}`
    const answer = await this.#deps.graph.get(tenant, address, signal, { priority: 'background' })
    return understood(answer)
  }

  async child(parent: ItemKey, name: string, signal: AbortSignal): Promise<DriveItem | undefined> {
    const address = `${childPath(parent, name)}?$select=${ITEM_FIELDS}`
    try {
      const answer = await this.#deps.graph.get(parent.tenant, address, signal, { priority: 'background' })
      return { ...understood(answer), parentId: parent.item }
    } catch (failure) {
      if (isFault(failure, 'item-not-found')) return undefined
      throw failure
    }
  }

  #changedMeanwhile({ tenant }: ItemKey, cause: Fault): Fault {
    const organization = this.#deps.organizations.nameOf(tenant)
    return new Fault('stale-content', `The file was changed at ${organization} meanwhile`, {
      ...about(cause),
      cause,
    })
  }

  #mayNotBeDeleted(tenant: TenantId, cause: Fault): Fault {
    const organization = this.#deps.organizations.nameOf(tenant)
    return new Fault('access-denied', `${organization} does not let you delete this`, {
      ...about(cause),
      nextStep: 'A retention policy may keep it. Ask the person who shared it with you.',
      cause,
    })
  }

  async #change(key: ItemKey, request: WriteRequest, signal: AbortSignal): Promise<DriveItem> {
    const response = await this.#deps.graph.write(key.tenant, request, signal)
    return await this.#itemOf(key, jsonObjectOf(response, 'The service'), signal)
  }

  /** Documented answers do not have all that an item has. */
  async #itemOf({ tenant, drive }: ItemKey, answer: JsonObject, signal: AbortSignal): Promise<DriveItem> {
    try {
      return parseDriveItem(answer)
    } catch (failure) {
      const item = tryItemId(answer)
      if (item === undefined || !(failure instanceof UnusableItem)) throw unusable(failure)
      return await this.item({ tenant, drive, item }, signal)
    }
  }
}

/** Without `fileSize`: that is for OneDrive Personal only, and business drives have been seen to refuse the session for it. */
function sessionRequest(target: UploadTarget, { modified }: UploadSource): WriteRequest {
  const isNew = target.kind === 'new'
  const item = {
    '@microsoft.graph.conflictBehavior': isNew ? 'fail' : 'replace',
    ...(isNew && { name: target.name }),
    fileSystemInfo: timesOf(modified),
  }
  return {
    method: 'POST',
    path: `${uploadPath(target)}/createUploadSession`,
    body: JSON.stringify({ item }),
    headers: isNew ? {} : ifMatch(target.eTag),
  }
}

function isAsWanted(item: DriveItem, { name, parent, modified }: ItemUpdate): boolean {
  return (
    (name === undefined || item.name === name) &&
    (parent === undefined || item.parentId === parent) &&
    (modified === undefined || isSameSecond(item.modified, modified))
  )
}

function timesOf(modified: Milliseconds): { readonly lastModifiedDateTime: string } {
  return { lastModifiedDateTime: new Date(servableTime(modified)).toISOString() }
}

/** The root of what is shared may not say what is above it. */
function understood(answer: JsonObject): DriveItem {
  try {
    const parent = answer['parentReference']
    return isJsonObject(parent) && 'id' in parent ? parseDriveItem(answer) : parseTopItem(answer)
  } catch (failure) {
    throw unusable(failure)
  }
}

function unusable(failure: unknown): unknown {
  if (!(failure instanceof UnusableItem)) return failure
  return new Fault('protocol-error', `The service sent an item that makes no sense (${failure.message})`, {
    cause: failure,
  })
}

/** What the service has said with a refusal. */
function about({ requestId, says }: Fault): FaultOptions {
  return { ...(requestId !== undefined && { requestId }), ...(says !== undefined && { says }) }
}
