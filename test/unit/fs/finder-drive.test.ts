import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { FinderDrive, type FileIcons } from '../../../src/fs/finder-drive.js'
import { nodeId, ROOT_INO, type DriveId, type TenantId } from '../../../src/model/ids.js'
import { fileItem, folderItem, forever, pattern, projects, startWorld } from '../../semantics/drive-world.js'
import { iconElements, resourcesOf } from '../../helpers/mac-formats.js'
import { missingPrograms } from '../../helpers/missing-programs.js'

const ROOT = nodeId(ROOT_INO, 0)
const FINDER_INFO = 'com.apple.FinderInfo'
const RESOURCE_FORK = 'com.apple.ResourceFork'
const NOBODY = { pid: 0, uid: 0 }

const square = (side: number, background: string) =>
  sharp({ create: { width: side, height: side, channels: 4, background } })
    .png()
    .toBuffer()
const noise = (side: number) =>
  sharp({
    create: {
      width: side,
      height: side,
      channels: 3,
      background: 'black',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .png()
    .toBuffer()
const [small, large, coarse] = await Promise.all([square(128, '#c03020'), square(256, '#2030c0'), noise(256)])

function openDrive(t: Test, icons: Partial<FileIcons> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'b2bmount-finder-'))
  const world = startWorld(t, { directory })
  world.library()
  world.remote.put(fileItem('lake', 'lake.jpg', pattern(100)))
  world.remote.put(folderItem('trip', 'trip'))
  const finder = new FinderDrive({
    drive: world.drive,
    icons: {
      hasIcon: () => true,
      icon: () =>
        Promise.resolve(
          new Map([
            [128, small],
            [256, large],
          ] as const),
        ),
      ...icons,
    },
    volumeIcon: Buffer.from('I am an icon'),
    directory,
    clock: world.clock,
  })
  t.teardown(async () => {
    await world.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { world, finder, directory }
}

t.test('a thumbnail is the custom icon of its file, in the formats that a Mac reads', async t => {
  const { world, finder, directory } = openDrive(t)
  const node = await world.node('lake.jpg')
  const info = Buffer.from(await finder.getxattr(node, FINDER_INFO, forever))
  t.equal(info.length, 32)
  t.equal(info.readUInt16BE(8), 0x0400, 'kHasCustomIcon')
  const fork = Buffer.from(await finder.getxattr(node, RESOURCE_FORK, forever))
  const [icon, ...others] = resourcesOf(fork)
  t.match(icon, { type: 'icns', id: -16455 })
  t.same(others, [])
  const elements = iconElements(icon?.data ?? Buffer.alloc(0))
  t.same([...elements.keys()], ['ic07', 'ic08'])
  t.ok(elements.get('ic07')?.equals(small) && elements.get('ic08')?.equals(large), 'byte for byte')

  await t.test('which icnsutils reads as well', { skip: missingPrograms('icns2png') }, async t => {
    const run = promisify(execFile)
    const icns = join(directory, 'lake.icns')
    writeFileSync(icns, icon?.data ?? '')
    await run('icns2png', ['-x', '-o', directory, icns], { timeout: 20_000 })
    const read = await sharp(join(directory, 'lake_256x256x32.png')).raw().toBuffer()
    t.same([...read.subarray(0, 4)], [0x20, 0x30, 0xc0, 255])
    const rsrc = join(directory, 'lake.rsrc')
    writeFileSync(rsrc, fork)
    const { stdout } = await run('icns2png', ['-l', rsrc], { timeout: 20_000 })
    t.match(stdout, /'ic07'.*\n.*'ic08' 256x256 .*\n2 elements/, 'finds the icon in the fork')
  })
})

t.test('a fork has at most what an attribute may have: the larger icon is left out first', async t => {
  t.ok(coarse.length > 64 * 1024)
  const { world, finder } = openDrive(t, {
    icon: () =>
      Promise.resolve(
        new Map([
          [128, small],
          [256, coarse],
        ] as const),
      ),
  })
  const fork = Buffer.from(await finder.getxattr(await world.node('lake.jpg'), RESOURCE_FORK, forever))
  t.ok(fork.length <= 64 * 1024)
  t.same([...iconElements(resourcesOf(fork)[0]?.data ?? fork).keys()], ['ic07'])
})

t.test('where there is no thumbnail there is no icon, and folders have none', async t => {
  let asked = 0
  const { world, finder } = openDrive(t, {
    hasIcon: () => false,
    icon: () => {
      asked++
      return Promise.resolve(undefined)
    },
  })
  for (const name of [FINDER_INFO, RESOURCE_FORK]) {
    await t.rejects(finder.getxattr(await world.node('lake.jpg'), name, forever), { code: 'no-attribute' })
    await t.rejects(finder.getxattr(await world.node('trip'), name, forever), { code: 'no-attribute' })
  }
  t.equal(asked, 0)
  t.equal(world.remote.downloads.length, 0, 'nothing is downloaded')
})

t.test('nobody waits long for an icon, and one that failed is tried again', async t => {
  let tries = 0
  const { world, finder } = openDrive(t, {
    icon: () => (++tries === 1 ? new Promise(() => {}) : Promise.resolve(new Map([[128, small] as const]))),
  })
  const node = await world.node('lake.jpg')
  const waiting = finder.getxattr(node, RESOURCE_FORK, forever)
  world.clock.advance(2_000)
  await t.rejects(waiting, { code: 'no-attribute' })
  t.equal(tries, 1)
})

t.test('the drive has an icon, and is not to be indexed', async t => {
  const { world, finder } = openDrive(t)
  const info = Buffer.from(await finder.getxattr(ROOT, FINDER_INFO, forever))
  t.equal(info.readUInt16BE(8), 0x0400)
  await finder.opendir(ROOT, forever)
  const names = finder.readdir(ROOT).map(({ name }) => name)
  t.same(names.slice(-2), ['.VolumeIcon.icns', '.metadata_never_index'])
  const inos = finder.readdir(ROOT).map(({ attributes }) => attributes.ino)
  t.same(
    inos,
    [...inos].sort((a, b) => a - b),
  )
  const icon = await finder.lookup(ROOT, '.VolumeIcon.icns', forever)
  if (!icon) throw new Error('no icon')
  t.same(finder.getattr(icon.node), icon)
  t.equal(finder.parentOf(icon.node), ROOT)
  const { handle } = await finder.open(icon.node, 0, NOBODY, forever)
  t.equal(Buffer.from(await finder.read(handle, { start: 5, end: 100 }, forever)).toString(), 'an icon')
  finder.release(handle)
  t.throws(() => finder.release(handle), { code: 'bad-handle' })
  await t.rejects(finder.open(icon.node, 1, NOBODY, forever), { code: 'read-only' })
  await t.rejects(finder.opendir(icon.node, forever), { code: 'not-a-directory' })
  await t.rejects(finder.getxattr(icon.node, FINDER_INFO, forever), { code: 'no-attribute' })
  const note = await finder.lookup(ROOT, '.metadata_never_index', forever)
  t.match(note, { kind: 'file', size: 0 })
  t.equal(await finder.lookup(await world.node(), '.metadata_never_index', forever), undefined, 'only there')
})

t.test('an organization that is called like one of them has its name', async t => {
  const { world, finder } = openDrive(t)
  world.drive.addLibrary({
    ...projects,
    organization: '.metadata_never_index',
    root: { ...projects.root, drive: 'another' as DriveId, tenant: 'another' as TenantId },
  })
  t.match(await finder.lookup(ROOT, '.metadata_never_index', forever), { kind: 'directory' })
  const named = finder.readdir(ROOT).filter(({ name }) => name === '.metadata_never_index')
  t.match(named, [{ attributes: { kind: 'directory' } }])
})
