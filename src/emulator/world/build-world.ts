import { realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { libraryViewUrl, syncUrl } from './addresses.js'
import { APPS } from './apps.js'
import { addSite, demoWorld, organization } from './demo-world.js'
import { DiskMirror } from './disk-mirror.js'
import { World } from './world.js'
import { readWorldFile } from './world-file.js'

/**
 * `demo`, `hostile` (demo and a tenant with bad names), `empty` (Fabrikam, Contoso and Ann, no files),
 * or the path of a world file.
 */
export type WorldName = string

/** A directory of this machine as a library of a tenant. */
export interface LibraryFromDisk {
  readonly tenant: string
  readonly name: string
  readonly directory: string
}

/** `contoso/Projects=/srv/projects` */
export function parseLibrary(text: string): LibraryFromDisk {
  const match = /^([^/=]+)\/([^/=]+)=(.+)$/.exec(text)
  if (!match) throw new Error(`'${text}' is not of the form tenant/name=directory`)
  const [, tenant = '', name = '', directory = ''] = match
  return { tenant, name, directory: resolve(directory) }
}

export async function buildWorld(name: WorldName, libraries: readonly LibraryFromDisk[]): Promise<World> {
  const world = await namedWorld(name)
  for (const library of libraries) await addLibraryFromDisk(world, library)
  return world
}

async function namedWorld(name: string): Promise<World> {
  switch (name) {
    case 'demo':
      return demoWorld()
    case 'hostile':
      return demoWorld({ hostile: true })
    case 'empty':
      return emptyWorld()
    default:
      if (/[/.]/.test(name)) return readWorldFile(name)
      throw new Error(`there is no world '${name}': name demo, hostile, empty, or the path of a world file`)
  }
}

function emptyWorld(): World {
  const world = new World()
  world.apps.push(...APPS)
  const fabrikam = organization(
    world,
    '11111111-1111-4111-8111-111111111111',
    'fabrikam',
    'Fabrikam',
    'olivia',
    'Olivia Owner',
  )
  const ann = fabrikam.tenant.addMember('ann', 'Ann Example')
  const contoso = organization(
    world,
    '22222222-2222-4222-8222-222222222222',
    'contoso',
    'Contoso',
    'megan',
    'Megan Manager',
  )
  contoso.tenant.addGuest(ann.user)
  return world
}

/**
 * Makes (or reuses) the site `/sites/Files` of the tenant, which every guest may read, and puts the library there. Nobody may
 * write: files are changed on the disk.
 */
export async function addLibraryFromDisk(world: World, library: LibraryFromDisk): Promise<void> {
  const tenant = world.tenant(library.tenant)
  const owner = tenant?.principals.find(each => each.kind === 'member')
  if (!tenant || !owner) throw new Error(`there is no tenant '${library.tenant}'`)
  await requireDirectory(library.directory)
  const author = { id: owner.oid, email: owner.user.upn, displayName: owner.user.displayName }
  const known = world.sites.find(site => site.tenant === tenant && site.path === '/sites/Files')
  const site = known ?? addSite(world, { tenant, owner, author }, 'Files', 'Files')
  if (!known) for (const each of tenant.principals) if (each.kind === 'guest') site.grant(each, 'read')
  const drive = site.addLibrary(library.name, library.name, author)
  drive.source = new DiskMirror(drive, await realpath(library.directory), () => world.clock.now())
  const label = `${tenant.slug} ${library.name.toLowerCase()}`
  world.addresses[label] = drive.webUrl
  world.addresses[`${label} view`] = libraryViewUrl(drive)
  const ann = world.user('ann@fabrikam.example')
  if (ann) world.addresses[`${label} sync`] = syncUrl(site, drive, ann)
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) throw new Error(`${path} is not a directory`)
}
