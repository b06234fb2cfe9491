import { locate } from '../graph/items.js'
import type { Content } from '../world/content.js'
import { type Drive, type Item, pathOf } from '../world/drive.js'
import { GeneratedContent } from '../world/generated-content.js'
import { eTag } from '../graph/item-json.js'
import { principalAuthor } from '../graph/writes/author.js'
import type { Tenant, User } from '../world/directory.js'
import type { World } from '../world/world.js'
import { AdminError } from './admin-error.js'

/**
 * What other people do to a library: the changes that delta must tell. The body has `do`,
 * `drive`, and `item` (an id) or `path`; see docs/EMULATOR.md.
 */
export async function editItem(world: World, body: Record<string, unknown>) {
  const placed = world.drive(String(body['drive']))
  if (!placed) throw new AdminError('no such drive')
  const { drive } = placed
  if (drive.source) throw new AdminError('this library is a directory on disk: change it there')
  const now = world.clock.now()
  const kind = String(body['do'])
  const item = await locate(placed, where(body))
  switch (kind) {
    case 'create-file': {
      const file = drive.addFile(item, nameOf(body), contentOf(body), { created: now })
      return describe(drive, file)
    }
    case 'create-folder':
      return describe(drive, drive.addFolder(item, nameOf(body), { created: now }))
    case 'replace':
      if (item.kind !== 'file') throw new AdminError('not a file')
      drive.replaceContent(item, contentOf(body), now)
      return describe(drive, item)
    case 'touch':
      drive.touch(item, now)
      return describe(drive, item)
    case 'rename':
      drive.rename(item, nameOf(body), now)
      return describe(drive, item)
    case 'move': {
      const parent = drive.find(String(body['parent'])) ?? drive.at(splitPath(body['parentPath']))
      if (parent?.kind !== 'folder') throw new AdminError('no such parent folder')
      drive.move(item, parent, now)
      return describe(drive, item)
    }
    case 'delete':
      placed.site.recycleBin.put(drive, item, drive.author, now)
      return { deleted: item.id }
    case 'lock':
      item.lockedBy = { kind: 'co-authoring' }
      return describe(drive, item)
    case 'check-out':
      item.lockedBy = {
        kind: 'check-out',
        by: personOf(placed.site.tenant, world.user(String(body['user']))),
      }
      drive.touch(item, now)
      return describe(drive, item)
    case 'unlock':
      delete item.lockedBy
      return describe(drive, item)
    case 'infect':
      item.malware = typeof body['virus'] === 'string' ? body['virus'] : 'Eicar-Test-Signature'
      drive.touch(item, now)
      return describe(drive, item)
    default:
      throw new AdminError(`'${kind}' is not an edit, see docs/EMULATOR.md`)
  }
}

function personOf(tenant: Tenant, user: User | undefined) {
  const principal = user && tenant.principalOf(user)
  if (!principal) throw new AdminError('this tenant does not know the user')
  return principalAuthor(principal)
}

function where(body: Record<string, unknown>) {
  const id = body['item']
  return typeof id === 'string' ? { id } : { path: splitPath(body['path']) }
}

function splitPath(path: unknown): string[] {
  return typeof path === 'string' ? path.split('/').filter(part => part !== '') : []
}

function nameOf(body: Record<string, unknown>): string {
  if (typeof body['name'] !== 'string') throw new AdminError('a name is needed')
  return body['name']
}

/** `text`, `base64`, or `generated: {seed, size}`. */
function contentOf(body: Record<string, unknown>): Content | Buffer {
  const { text, base64, generated } = body
  if (typeof text === 'string') return Buffer.from(text)
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64')
  const { seed, size } = (generated ?? {}) as { seed?: unknown; size?: unknown }
  if (typeof seed === 'number' && typeof size === 'number') return new GeneratedContent(seed, size)
  throw new AdminError('content is needed: text, base64 or generated {seed, size}')
}

function describe(drive: Drive, item: Item) {
  return {
    drive: drive.id,
    item: item.id,
    name: item.name,
    path: pathOf(item).join('/'),
    size: item.size,
    eTag: eTag(item),
    quickXorHash: item.content?.quickXorHash() ?? null,
  }
}
