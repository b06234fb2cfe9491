import { itemWebUrl, libraryIdText, libraryViewUrl, syncUrl } from './addresses.js'
import { APPS } from './apps.js'
import { PERSONAL_TENANT, type Principal, type Tenant } from './directory.js'
import type { Author, Drive, Item } from './drive.js'
import { populateHostile } from './populate-hostile.js'
import {
  populateDeepTree,
  populateLargeFiles,
  populateNames,
  populatePictures,
  populateShowcase,
  populateTeamLibrary,
  populateWideFolder,
} from './populate.js'
import type { Site } from './site.js'
import { World } from './world.js'

const CREATED = Date.UTC(2026, 0, 12, 8, 30)

/** A tenant with an owner who shares things. */
interface Organization {
  readonly tenant: Tenant
  readonly owner: Principal
  readonly author: Author
}

/**
 * Fabrikam is home; Contoso, Northwind Traders and Tailspin Toys share with Ann, each at another
 * level; the others are there to be refused. docs/EMULATOR.md lists it all.
 */
export function demoWorld(options: { readonly hostile?: boolean } = {}): World {
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
  fabrikam.tenant.addMember('bob', 'Bob Builder')
  addHome(world, fabrikam, ann)
  addPersonalAccount(world)

  addContoso(world, ann)
  addNorthwind(world, ann)
  addTailspin(world, ann)
  addRefusals(world, ann)
  if (options.hostile) addHostile(world, ann)
  return world
}

export function organization(
  world: World,
  id: string,
  slug: string,
  displayName: string,
  ownerName: string,
  ownerDisplayName: string,
): Organization {
  const tenant = world.addTenant({ id, slug, displayName, domain: `${slug}.example` })
  const owner = tenant.addMember(ownerName, ownerDisplayName)
  const author = { id: owner.oid, email: owner.user.upn, displayName: owner.user.displayName }
  return { tenant, owner, author }
}

export function addSite(world: World, { tenant, owner }: Organization, name: string, title: string): Site {
  const site = world.addSite(tenant, { path: `/sites/${name}`, title, created: CREATED })
  site.grant(owner, 'owner')
  return site
}

function addHome(world: World, { tenant }: Organization, ann: Principal): void {
  const path = `/personal/${ann.user.upn.replace(/[@.]/g, '_')}`
  const site = world.addSite(tenant, { path, title: ann.user.displayName, created: CREATED, personal: true })
  site.grant(ann, 'owner')
  const author = { id: ann.oid, email: ann.user.upn, displayName: ann.user.displayName }
  site.addLibrary('OneDrive', 'Documents', author, drive => {
    drive.addFile(drive.root, 'My own notes.txt', 'These are mine, nobody shared them.\n')
    drive.addFolder(drive.root, 'Private')
  })
}

function addPersonalAccount(world: World): void {
  const tenant = world.addTenant({
    id: PERSONAL_TENANT,
    slug: 'live',
    displayName: 'Microsoft Accounts',
    domain: 'outlook.example',
    personal: true,
  })
  tenant.addMember('paula', 'Paula Personal')
}

/** Site level, read and write. */
function addContoso(world: World, ann: Principal): void {
  const contoso = organization(
    world,
    '22222222-2222-4222-8222-222222222222',
    'contoso',
    'Contoso',
    'megan',
    'Megan Manager',
  )
  const guest = contoso.tenant.addGuest(ann.user)
  const design = addSite(world, contoso, 'Design', 'Design')
  design.grant(guest, 'write')
  const documents = design.addLibrary('Documents', 'Shared Documents', contoso.author, populateTeamLibrary)
  const media = design.addLibrary('Media', 'Media', contoso.author, populateLargeFiles)
  world.addresses['contoso site'] = design.webUrl
  describeLibrary(world, 'contoso documents', design, documents, ann)
  describeLibrary(world, 'contoso media', design, media, ann)

  const launch = addSite(world, contoso, 'Launch', 'Product Launch')
  const plans = launch.addLibrary('Documents', 'Shared Documents', contoso.author, populateTeamLibrary)
  const guide = drivePath(plans, 'Contracts', 'Annex A.pdf')
  const folder = drivePath(plans, 'Reports')
  const people = { scope: 'users', expires: undefined } as const
  const file = launch.share(plans, guide, { ...people, type: 'view', recipients: [ann.user.oid] })
  launch.grant(guest, 'read', { drive: plans, item: guide }, file)
  const anyone = launch.share(plans, folder, {
    scope: 'anonymous',
    type: 'view',
    recipients: [],
    expires: undefined,
  })
  const unredeemed = launch.share(plans, drivePath(plans, 'Photos'), {
    ...people,
    type: 'edit',
    recipients: [ann.user.oid],
  })
  world.addresses['contoso single file link (refused)'] = file.url
  world.addresses['contoso anyone link (refused)'] = anyone.url
  world.addresses['contoso people link to redeem'] = unredeemed.url
}

/** Library level, read only; another library with names in many scripts. */
function addNorthwind(world: World, ann: Principal): void {
  const northwind = organization(
    world,
    '33333333-3333-4333-8333-333333333333',
    'northwind',
    'Northwind Traders',
    'nils',
    'Nils Nordsee',
  )
  const guest = northwind.tenant.addGuest(ann.user)
  const supply = addSite(world, northwind, 'Supply', 'Supply Chain')
  const catalogue = supply.addLibrary('Catalogue', 'Catalogue', northwind.author, populateTeamLibrary)
  const names = supply.addLibrary('World names', 'World names', northwind.author, populateNames)
  for (const drive of [catalogue, names]) {
    const link = supply.share(drive, drive.root, {
      scope: 'users',
      type: 'view',
      recipients: [ann.user.oid],
      expires: undefined,
    })
    supply.grant(guest, 'read', { drive, item: drive.root }, link)
    world.addresses[`northwind ${drive.name.toLowerCase()} link`] = link.url
    describeLibrary(world, `northwind ${drive.name.toLowerCase()}`, supply, drive, ann)
  }
}

/** Folder level; and two libraries that are large in another way, at site level. */
function addTailspin(world: World, ann: Principal): void {
  const tailspin = organization(
    world,
    '44444444-4444-4444-8444-444444444444',
    'tailspin',
    'Tailspin Toys',
    'tara',
    'Tara Toys',
  )
  const guest = tailspin.tenant.addGuest(ann.user)
  const models = addSite(world, tailspin, 'Models', 'Models')
  const library = models.addLibrary('Documents', 'Shared Documents', tailspin.author, populateTeamLibrary)
  const reports = drivePath(library, 'Reports')
  const link = models.share(library, reports, {
    scope: 'users',
    type: 'edit',
    recipients: [ann.user.oid],
    expires: undefined,
  })
  models.grant(guest, 'write', { drive: library, item: reports }, link)
  world.addresses['tailspin folder link'] = link.url
  world.addresses['tailspin folder'] = itemWebUrl(library, reports)
  world.addresses['tailspin folder view'] = libraryViewUrl(library, reports)
  world.addresses['tailspin folder sync'] = syncUrl(models, library, ann.user, reports)

  const archive = addSite(world, tailspin, 'Archive', 'Archive')
  archive.grant(guest, 'write')
  const wide = archive.addLibrary('Ten thousand', 'Ten thousand', tailspin.author, drive => {
    populateWideFolder(drive, drive.addFolder(drive.root, 'Wide'), 10_000)
  })
  const deep = archive.addLibrary('Hundred thousand', 'Hundred thousand', tailspin.author, drive =>
    populateDeepTree(drive, 100_000),
  )
  describeLibrary(world, 'tailspin ten thousand', archive, wide, ann)
  describeLibrary(world, 'tailspin hundred thousand', archive, deep, ann)
  addGallery(world, tailspin, guest, ann)
}

/** What a file manager would like to show by its picture. */
function addGallery(world: World, tailspin: Organization, guest: Principal, ann: Principal): void {
  const gallery = addSite(world, tailspin, 'Gallery', 'Gallery')
  gallery.grant(guest, 'read')
  const showcase = gallery.addLibrary('Showcase', 'Showcase', tailspin.author, drive =>
    populateShowcase(drive, 200),
  )
  const pictures = gallery.addLibrary('Five thousand', 'Five thousand', tailspin.author, drive =>
    populatePictures(drive, 5000),
  )
  describeLibrary(world, 'tailspin showcase', gallery, showcase, ann)
  describeLibrary(world, 'tailspin five thousand', gallery, pictures, ann)
}

/** Tenants where Ann gets no further, each for another reason. */
function addRefusals(world: World, ann: Principal): void {
  const stranger = organization(
    world,
    '55555555-5555-4555-8555-555555555555',
    'adatum',
    'A. Datum',
    'ada',
    'Ada Datum',
  )
  shareTeamSite(world, stranger, undefined)

  const pending = organization(
    world,
    '66666666-6666-4666-8666-666666666666',
    'litware',
    'Litware',
    'liam',
    'Liam Litware',
  )
  shareTeamSite(world, pending, pending.tenant.addGuest(ann.user, 'pending'))

  const unconsented = organization(
    world,
    '77777777-7777-4777-8777-777777777777',
    'proseware',
    'Proseware',
    'pia',
    'Pia Prose',
  )
  unconsented.tenant.consent = 'admin'
  shareTeamSite(world, unconsented, unconsented.tenant.addGuest(ann.user))

  const strict = organization(
    world,
    '88888888-8888-4888-8888-888888888888',
    'wingtip',
    'Wingtip Toys',
    'wim',
    'Wim Wingtip',
  )
  strict.tenant.refusals.set(ann.user.upn, 50076)
  shareTeamSite(world, strict, strict.tenant.addGuest(ann.user))

  const unhydrated = organization(
    world,
    '99999999-9999-4999-8999-999999999999',
    'fourth',
    'Fourth Coffee',
    'fay',
    'Fay Fourth',
  )
  shareTeamSite(world, unhydrated, unhydrated.tenant.addGuest(ann.user, 'redeemed', false))
}

function shareTeamSite(world: World, owner: Organization, guest: Principal | undefined): void {
  const site = addSite(world, owner, 'Team', `${owner.tenant.displayName} Team`)
  site.addLibrary('Documents', 'Shared Documents', owner.author, populateTeamLibrary)
  if (guest) site.grant(guest, 'write')
  world.addresses[`${owner.tenant.slug} site`] = site.webUrl
}

function addHostile(world: World, ann: Principal): void {
  const hostile = organization(
    world,
    'eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee',
    'hostile',
    'Hostile ../Org',
    'mal',
    'Mallory',
  )
  const site = addSite(world, hostile, 'Trap', 'Trap/../Site')
  site.grant(hostile.tenant.addGuest(ann.user), 'write')
  const drive = site.addLibrary('Documents', 'Shared Documents', hostile.author, populateHostile)
  world.addresses['hostile site'] = site.webUrl
  describeLibrary(world, 'hostile documents', site, drive, ann)
}

function describeLibrary(world: World, name: string, site: Site, drive: Drive, ann: Principal): void {
  world.addresses[name] = drive.webUrl
  world.addresses[`${name} view`] = libraryViewUrl(drive)
  world.addresses[`${name} sync`] = syncUrl(site, drive, ann.user)
  world.addresses[`${name} library id`] = libraryIdText(site, drive)
}

function drivePath(drive: Drive, ...path: string[]): Item {
  const item = drive.at(path)
  if (!item) throw new Error(`the demo world has no ${path.join('/')}`)
  return item
}
