import { constants } from 'node:fs'
import t from 'tap'
import type { NodeId } from '../../src/model/ids.js'
import { CALLER, folderItem, fileItem, forever, pattern, type DriveWorld } from './drive-world.js'
import { contentOf, save, worldWith } from './writing-world.js'

// "A path of more than 400 characters over there, with the site's and the library's part and decoded, is `name-too-long`"

/** Of `https://contoso.sharepoint.com/sites/team/Projects`, the library of these tests. */
const SITE = 'sites/team/Projects'.length
const LONGEST = 400

const tooLong = { code: 'name-too-long' }

function mkdir(world: DriveWorld, parent: NodeId, name: string) {
  return world.drive.mkdir(parent, name, 0o755, CALLER, forever)
}

/** Folders in each other, until the path of the last one has `length` characters over there. */
async function folderOf(world: DriveWorld, length: number): Promise<NodeId> {
  let node = await world.node()
  for (let at = SITE; at < length;) {
    const rest = length - at - 1
    const name = 'd'.repeat(rest <= 200 ? rest : Math.min(200, rest - 2))
    node = (await mkdir(world, node, name)).node
    at += 1 + name.length
  }
  return node
}

t.test('what SharePoint would refuse for its path is refused when it is made', async t => {
  const world = await worldWith(t)
  const folder = await folderOf(world, LONGEST - 11)
  await save(world, '0123456789', 'fits', folder)
  const flags = constants.O_CREAT | constants.O_RDWR
  await t.rejects(world.drive.create(folder, '0123456789x', 0o644, flags, CALLER, forever), tooLong)
  await t.rejects(mkdir(world, folder, '0123456789x'), tooLong)
  t.equal(await world.drive.lookup(folder, '0123456789x', forever), undefined)
  // As SharePoint counts: in UTF-16, decoded.
  await mkdir(world, folder, 'é%20 #😀😀')
  await t.rejects(mkdir(world, folder, 'é%20 #😀😀-'.repeat(2)), tooLong)
  // "What stays here may have any."
  await save(world, '.~lock.0123456789#', 'lock', folder)
})

t.test(
  'a file is not moved to where its path is too long; what is too long already may become shorter',
  async t => {
    const world = await worldWith(t, { 'a.txt': pattern(5), ['x'.repeat(250)]: pattern(5) })
    const { drive } = world
    const root = await world.node()
    const folder = await folderOf(world, LONGEST - 11)
    const move = (from: NodeId, name: string, to: NodeId, newName: string) =>
      drive.rename(from, name, to, newName, 0, CALLER, forever)
    await t.rejects(move(root, 'a.txt', folder, '0123456789x'), tooLong)
    await t.rejects(move(root, 'x'.repeat(250), folder, 'x'.repeat(250)), tooLong)
    await move(root, 'a.txt', folder, '0123456789')
    await save(world, '.~lock.0123456789#', 'hidden', folder)
    await t.rejects(
      move(folder, '.~lock.0123456789#', folder, '0123456789ab'),
      tooLong,
      'it would travel then',
    )

    // Others have made it, by ways of their own.
    const long = 'y'.repeat(250)
    world.remote.put(folderItem('long', long))
    world.remote.put(folderItem('inner', long, 'long'))
    world.remote.put(fileItem('deep', 'deep.txt', pattern(5), 'inner'), pattern(5))
    await world.drive.refreshFolder(drive.getattr(root).ino, forever)
    const outer = await world.node(long)
    await world.names(outer)
    await world.names(await world.node(long, long))
    await move(outer, long, outer, long.slice(1))
    await t.rejects(move(outer, long.slice(1), outer, long), tooLong)
  },
)

t.test('a folder keeps its name where a path in it would be too long, however deep', async t => {
  const world = await worldWith(t)
  const { drive } = world
  const root = await world.node()
  const top = await mkdir(world, root, 'top')
  const middle = await mkdir(world, top.node, 'm'.repeat(200))
  for (let i = 0; i < 450; i++) await mkdir(world, middle.node, `folder ${i}`)
  const used = SITE + '/top/'.length + 200 + '/folder 449/'.length
  const folder = await world.node('top', 'm'.repeat(200), 'folder 449')
  await save(world, 'z'.repeat(LONGEST - used), 'deep', folder)
  const rename = (name: string, newName: string) =>
    drive.rename(root, name, root, newName, 0, CALLER, forever)
  await t.rejects(rename('top', 'top2'), tooLong)
  await rename('top', 'pot')
  await rename('pot', 'o')
  await rename('o', 'top')
  t.equal(await contentOf(world, 'top', 'm'.repeat(200), 'folder 449', 'z'.repeat(LONGEST - used)), 'deep')
  await t.rejects(drive.rename(root, 'top', await world.node('docs'), 'top', 0, CALLER, forever), tooLong)
})
