import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { isShownMount, mountPointOf } from '../../../src/desktop/shown-mount.js'
import { temporaryDirectory } from '../../helpers/mounted-directory.js'

t.test('a mount below the home directory is shown, but not in a hidden one', t => {
  for (const [mountPoint, isShown] of [
    ['/home/ann/B2B', true],
    ['/home/ann/work/my drive', true],
    ['/media/partners', true],
    ['/run/media/ann/partners', true],
    ['/home/ann/.b2b', false],
    ['/home/ann/.local/share/B2B', false],
    ['/home/anna/B2B', false],
    ['/mnt/partners', false],
  ] as const) {
    t.equal(isShownMount(mountPoint, '/home/ann'), isShown, mountPoint)
  }
  t.end()
})

t.test('a mount point is named as the kernel will name it, also while it does not exist', async t => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'data'))
  await symlink('data', join(directory, 'home'))
  t.equal(await mountPointOf(join(directory, 'home')), join(directory, 'data'))
  t.equal(await mountPointOf(join(directory, 'home', 'B2B', 'x')), join(directory, 'data', 'B2B', 'x'))
})
