import type { Caller } from '../../entra/tokens.js'
import type { Answer } from '../../http/answer.js'
import type { UploadSessions } from '../../sharepoint/upload-sessions.js'
import type { Promotions } from '../../world/promotions.js'
import type { Spool } from '../../world/spool.js'
import type { World } from '../../world/world.js'
import type { Access, PlacedDrive } from '../access.js'
import type { Segment } from '../address.js'
import type { Items } from '../items.js'
import type { GraphRequest } from '../request.js'
import type { Match } from '../resources.js'
import { restoreVersion } from '../versions.js'
import { setCheckOut } from './check-out.js'
import { createFolder } from './create-folder.js'
import { createUploadSession } from './create-upload-session.js'
import { deleteItem } from './delete-item.js'
import { putContent } from './put-content.js'
import type { Where } from './target.js'
import { updateItem } from './update-item.js'

export interface WriteDeps {
  readonly world: World
  readonly access: Access
  readonly items: Items
  readonly spool: Spool
  readonly sessions: UploadSessions
  readonly promotions: Promotions
}

/** Drives that are not named by their id. */
export interface DriveFinders {
  own(caller: Caller): PlacedDrive
  ofSite(caller: Caller, segment: Segment): PlacedDrive
}

type Run = (request: GraphRequest, at: PlacedDrive, where: Where) => Promise<Answer> | Answer

/** What changes a library: which request it is that a method and a path name. */
export class Writes {
  readonly #deps: WriteDeps

  constructor(deps: WriteDeps) {
    this.#deps = deps
  }

  match(method: string, path: readonly Segment[], finders: DriveFinders): Match | undefined {
    const at = this.#drive(path, finders)
    const [head, ...rest] = at?.rest ?? []
    if (!at || !head) return undefined
    if (head.name === 'root') return this.#item(method, at, { path: head.path }, rest)
    const [item, ...more] = rest
    if (head.name !== 'items' || !item) return undefined
    if (item.name === 'root') return this.#item(method, at, { path: item.path }, more)
    const match = this.#item(method, at, { id: item.name, path: item.path }, more)
    return match && !item.path ? { ...match, item: item.name } : match
  }

  #drive(path: readonly Segment[], finders: DriveFinders) {
    const [head, id, ...rest] = path
    const { access } = this.#deps
    if (head?.name === 'drives' && id) {
      return { id: id.name, find: (caller: Caller) => access.drive(caller, id.name), rest }
    }
    if (head?.name === 'me' && id?.name === 'drive')
      return { find: (caller: Caller) => finders.own(caller), rest }
    const [drive, ...more] = rest
    if (head?.name !== 'sites' || !id || drive?.name !== 'drive') return undefined
    return { find: (caller: Caller) => finders.ofSite(caller, id), rest: more }
  }

  #item(
    method: string,
    at: { readonly id?: string; find(caller: Caller): PlacedDrive },
    where: Where,
    rest: readonly Segment[],
  ): Match | undefined {
    const action = this.#action(method, rest)
    if (!action) return undefined
    const [name, run] = action
    return {
      name,
      ...(at.id !== undefined && { drive: at.id }),
      run: request => run(request, at.find(request.caller), where),
    }
  }

  #action(method: string, rest: readonly Segment[]): [name: string, run: Run] | undefined {
    const deps = this.#deps
    const what = [method, ...rest.map(segment => segment.name)].join(' ')
    switch (what) {
      case 'PUT content':
        return ['put-content', (...asked) => putContent(deps, ...asked)]
      case 'POST createUploadSession':
      case 'POST microsoft.graph.createUploadSession':
        return ['create-upload-session', (...asked) => createUploadSession(deps, ...asked)]
      case 'POST children':
        return ['create-child', (...asked) => createFolder(deps, ...asked)]
      case 'PATCH':
        return ['update-item', (...asked) => updateItem(deps, ...asked)]
      case 'DELETE':
        return ['delete-item', (...asked) => deleteItem(deps, ...asked, false)]
      case 'POST permanentDelete':
        return ['permanent-delete', (...asked) => deleteItem(deps, ...asked, true)]
      case 'POST checkout':
        return ['checkout', (...asked) => setCheckOut(deps, ...asked, true)]
      case 'POST checkin':
        return ['checkin', (...asked) => setCheckOut(deps, ...asked, false)]
      default: {
        const version = /^POST versions (\S+) restoreVersion$/.exec(what)?.[1]
        if (version === undefined) return undefined
        return ['restore-version', (...asked) => restoreVersion(deps, ...asked, version)]
      }
    }
  }
}
