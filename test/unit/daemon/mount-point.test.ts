import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LastMountFile } from '../../../src/daemon/last-mount.js'
import { MountPoints } from '../../../src/daemon/mount-point.js'
import type { MountHealth } from '../../../src/daemon/mount-probe.js'
import { parseMountInfo, type MountEntry } from '../../../src/daemon/mount-table.js'
import { becomeOrdinaryUser } from '../../helpers/ordinary-user.js'

/** Mounts as the kernel would list them; detaching takes the topmost away. */
function world(test: Test, mounted: Readonly<Record<string, MountHealth>> = {}, type = 'fuse.b2bmount') {
  const base = realpathSync(test.testdir())
  let table: MountEntry[] = Object.keys(mounted).map(name => ({ mountPoint: join(base, name), type }))
  const detached: string[] = []
  const lastMount = new LastMountFile(base)
  const mountPoints = new MountPoints({
    lastMount,
    mountTable: async () => table,
    probe: async directory => mounted[directory.slice(base.length + 1)] ?? 'answers',
    detach: async directory => {
      detached.push(directory.slice(base.length + 1))
      table = table.filter(({ mountPoint }) => mountPoint !== directory)
    },
  })
  return {
    base,
    mountPoints,
    detached,
    lastMount,
    mount: (path: string) => mountPoints.prepare(join(base, path)),
  }
}

t.test('a directory that does not exist is created, with its parents', async t => {
  const { base, mount } = world(t)
  t.equal(await mount('a/b'), join(base, 'a/b'))
  t.ok(existsSync(join(base, 'a/b')))
})

t.test('an empty directory is taken, by its real path', async t => {
  const { base, mount } = world(t)
  mkdirSync(join(base, 'real'))
  symlinkSync('real', join(base, 'link'))
  t.equal(await mount('link'), join(base, 'real'))
  t.equal(await mount('real/../link/.'), join(base, 'real'))
})

t.test('a directory with anything in it is refused', async t => {
  const { base, mount } = world(t)
  mkdirSync(join(base, 'full'))
  writeFileSync(join(base, 'full/.hidden'), 'I exist to be in the way')
  await t.rejects(mount('full'), { code: 'mount-point-not-empty', nextStep: /empty directory/ })
})

t.test('a file is refused, and so is a path through a file', async t => {
  const { base, mount } = world(t)
  writeFileSync(join(base, 'file'), '')
  await t.rejects(mount('file'), { code: 'not-a-directory' })
  await t.rejects(mount('file/below'), { code: 'not-a-directory' })
})

t.test('a symbolic link to nowhere is refused', async t => {
  const { base, mount } = world(t)
  symlinkSync('nowhere', join(base, 'dangling'))
  await t.rejects(mount('dangling'), { message: /dangling/ })
})

t.test('a directory that the user may not write or see into is refused', async t => {
  const base = mkdtempSync(join(tmpdir(), 'b2bmount-mount-point-'))
  t.teardown(() => {
    for (const directory of [base, join(base, 'unseen')]) chmodSync(directory, 0o700)
    rmSync(base, { recursive: true })
  })
  const { mountPoints } = world(t)
  mkdirSync(join(base, 'unseen'))
  chmodSync(join(base, 'unseen'), 0o311)
  chmodSync(base, 0o555)
  becomeOrdinaryUser(t)
  await t.rejects(mountPoints.prepare(join(base, 'new')), {
    code: 'mount-point-missing',
    message: /\(EACCES\)$/,
  })
  await t.rejects(mountPoints.prepare(join(base, 'unseen')), {
    code: 'mount-refused',
    message: /\(EACCES\)$/,
  })
})

t.test('a directory that was made for a mount that fails goes again, one that was there stays', async t => {
  const { base, mountPoints } = world(t)
  mkdirSync(join(base, 'old'))
  const refuse = () => Promise.reject(new Error('the kernel says no'))
  for (const name of ['new', 'old']) {
    await t.rejects(mountPoints.mount(join(base, name), refuse), { message: 'the kernel says no' })
  }
  t.same([existsSync(join(base, 'new')), existsSync(join(base, 'old'))], [false, true])
  t.equal(await mountPoints.mount(join(base, 'new'), path => Promise.resolve(path)), join(base, 'new'))
  t.ok(existsSync(join(base, 'new')))
})

t.test('a directory that cannot be created is refused', async t => {
  const { mountPoints } = world(t)
  await t.rejects(mountPoints.prepare('/proc/b2bmount'), {
    code: 'mount-point-missing',
    nextStep: 'Choose another directory.',
  })
})

t.test('where a drive answers already, a second is refused', async t => {
  const { base, mount, detached } = world(t, { drive: 'answers' })
  await t.rejects(mount('drive'), {
    code: 'already-mounted',
    nextStep: `To unmount it, run:  b2bmount unmount ${join(base, 'drive')}`,
  })
  t.same(detached, [])
})

t.test('where another file system is mounted, a drive is refused', async t => {
  const { mount, detached } = world(t, { disk: 'dead' }, 'ext4')
  await t.rejects(mount('disk'), { code: 'already-mounted', message: /Another file system \(ext4\)/ })
  t.same(detached, [])
})

t.test('a drive that does not answer is not taken for dead', async t => {
  const { mount, detached } = world(t, { drive: 'silent' })
  await t.rejects(mount('drive'), { code: 'already-mounted', nextStep: /^Run: {2}fusermount3 -uz / })
  t.same(detached, [])
})

t.test('what a killed daemon left behind is unmounted first', async t => {
  const { base, mount, detached } = world(t, { drive: 'dead' })
  t.equal(await mount('drive'), join(base, 'drive'))
  t.same(detached, ['drive'])
})

t.test('inside a drive, nothing is touched and nothing is mounted', async t => {
  const { base, mount } = world(t, { drive: 'answers' })
  await t.rejects(mount('drive/Contoso/x'), { code: 'mount-refused', message: /lies inside the drive/ })
  t.notOk(existsSync(join(base, 'drive')))

  mkdirSync(join(base, 'drive'))
  symlinkSync('drive', join(base, 'link'))
  await t.rejects(mount('link/x'), { code: 'mount-refused' })
})

t.test('beside a drive, a name that begins like it is no matter', async t => {
  const { base, mount } = world(t, { drive: 'answers' })
  t.equal(await mount('drive2'), join(base, 'drive2'))
})

t.test('at its start, a daemon removes what the one before it has left, and nobody else', async t => {
  const mounted = { one: 'dead', two: 'dead', three: 'answers' } as const
  const { base, mountPoints, detached, lastMount } = world(t, mounted)
  t.equal(await mountPoints.detachLeftover(), undefined)
  await lastMount.write(join(base, 'three'))
  t.equal(await mountPoints.detachLeftover(), undefined)
  await lastMount.write(join(base, 'two'))
  t.equal(await mountPoints.detachLeftover(), join(base, 'two'))
  t.same(detached, ['two'])
})

t.test('where the drive is mounted is known to the next daemon', async t => {
  const { base, mountPoints, lastMount } = world(t)
  await mountPoints.mount(join(base, 'drive'), path => Promise.resolve(path))
  t.equal(await lastMount.read(), join(base, 'drive'))
  t.equal(await new LastMountFile(join(base, 'nowhere')).read(), undefined)
  await new LastMountFile(join(base, 'nowhere')).write('cannot be written')
})

t.test('a drive is mounted only after that clean-up, which would unmount it again', async t => {
  const base = realpathSync(t.testdir())
  let table: MountEntry[] = [{ mountPoint: base, type: 'fuse.b2bmount' }]
  const probes: (() => void)[] = []
  let detached = 0
  const mountPoints = new MountPoints({
    lastMount: { read: async () => base, write: async () => undefined },
    mountTable: async () => table,
    probe: () => new Promise(resolve => probes.push(() => resolve('dead'))),
    detach: async () => {
      detached++
      table = []
    },
  })
  const cleaning = mountPoints.detachLeftover()
  const preparing = mountPoints.prepare(base)
  await new Promise(setImmediate)
  t.equal(probes.length, 1, 'only one of them looks')
  probes.forEach(answer => answer())
  t.equal(await cleaning, base)
  t.equal(await preparing, base)
  t.equal(detached, 1)
})

t.test('a leftover that somebody else has unmounted meanwhile is none', async t => {
  const base = realpathSync(t.testdir())
  let table: MountEntry[] = [{ mountPoint: base, type: 'fuse.b2bmount' }]
  const mountPoints = new MountPoints({
    lastMount: new LastMountFile(base),
    mountTable: async () => table,
    probe: async () => 'dead',
    detach: async () => {
      table = []
      throw new Error('not mounted')
    },
  })
  t.equal(await mountPoints.prepare(base), base)
})

t.test('a leftover that cannot be unmounted is named with the command that may', async t => {
  const base = realpathSync(t.testdir())
  const mountPoints = new MountPoints({
    lastMount: new LastMountFile(base),
    mountTable: async () => [{ mountPoint: base, type: 'fuse.b2bmount' }],
    probe: async () => 'dead',
    detach: async () => Promise.reject(new Error('exit code 1')),
  })
  await t.rejects(mountPoints.prepare(base), {
    code: 'mount-refused',
    nextStep: `Run:  fusermount3 -uz ${base}`,
  })
})

t.test('the mount table is read as the kernel writes it', t => {
  const mountInfo = [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw',
    '97 22 0:41 / /home/ann/My\\040B2B\\134\\011x rw,nosuid,nodev shared:5 master:2 - fuse.b2bmount b2bmount rw,user_id=1000,group_id=1000,allow_other',
    'not a mount',
    '',
  ].join('\n')
  t.same(parseMountInfo(mountInfo), [
    { mountPoint: '/', type: 'ext4' },
    { mountPoint: '/home/ann/My B2B\\\tx', type: 'fuse.b2bmount' },
  ])
  t.end()
})
