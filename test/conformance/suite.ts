import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import { type DriveUnderTest, LocalDirectory } from './drive-under-test.js'
import { REFUSED_TO_WRITE } from '../helpers/refused.js'

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const sorted = (names: readonly string[]) => [...names].sort()

/**
 * What every form of the drive must do, compared with a local directory of the same content.
 *
 * @param drive freshly opened: no file of it has been read
 * @param referenceDirectory filled by `writeReference`
 */
export async function conforms(t: Test, drive: DriveUnderTest, referenceDirectory: string): Promise<void> {
  const reference = new LocalDirectory(referenceDirectory)

  await t.test(
    'every folder lists exactly its names, and every item shows its kind, size and time',
    async t => {
      const inodes = new Set<number>()
      const pending = ['']
      for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
        const names = sorted(await reference.list(path))
        t.same(sorted(await drive.list(path)), names, `names in '${path}'`)
        for (const name of names) {
          const child = path === '' ? name : `${path}/${name}`
          const expected = await reference.stat(child)
          const shown = await drive.stat(child)
          t.equal(shown.isDirectory, expected.isDirectory, `kind of '${child}'`)
          t.notOk(inodes.has(shown.ino), `inode number of '${child}' is its own`)
          inodes.add(shown.ino)
          if (expected.isDirectory) {
            pending.push(child)
            continue
          }
          t.equal(shown.size, expected.size, `size of '${child}'`)
          t.equal(shown.modified, expected.modified, `time of '${child}'`)
        }
      }
    },
  )

  await t.test('inode numbers are the same when asked again', async t => {
    t.equal((await drive.stat('readme.txt')).ino, (await drive.stat('readme.txt')).ino)
  })

  await t.test(
    'an online-only file that is not empty has a block, and stat of it downloads nothing',
    async t => {
      // GNU tar and cp take a file of zero blocks for a hole and write zeros.
      const shown = await drive.stat('large.bin')
      t.ok(shown.blocks >= 1)
      t.ok(shown.blocks * 512 < shown.size, 'far fewer blocks than bytes')
      t.equal(await drive.xattr('large.bin', 'user.b2bmount.state'), 'online-only')
      t.equal((await drive.stat('empty.txt')).blocks, 0)
    },
  )

  await t.test('a small range of a large file is right wherever it lies', async t => {
    const { size } = await reference.stat('large.bin')
    const pieces = [
      [0, 10],
      [size - 10, 10],
      [4 * 1024 * 1024 - 5, 10],
      [1, 70_000],
      [size - 3, 100],
      [size, 10],
      [size + 1_000_000, 10],
    ] as const
    t.same(await drive.readPieces('large.bin', pieces), await reference.readPieces('large.bin', pieces))
  })

  await t.test('several readers of one file at once all get the right bytes', async t => {
    const expected = sha256(await reference.readWhole('one-over-1m.bin'))
    const whole = await Promise.all(Array.from({ length: 6 }, () => drive.readWhole('one-over-1m.bin')))
    t.same(
      whole.map(sha256),
      whole.map(() => expected),
    )
  })

  await t.test('every file read whole has exactly its bytes, and again when local', async t => {
    for (const path of [
      'readme.txt',
      'empty.txt',
      'one byte',
      'exactly-64k.bin',
      'large.bin',
      'folder/inner/deep.txt',
    ]) {
      const expected = sha256(await reference.readWhole(path))
      t.equal(sha256(await drive.readWhole(path)), expected, `'${path}' first`)
      t.equal(sha256(await drive.readWhole(path)), expected, `'${path}' again`)
    }
    for (const name of await reference.list('folder')) {
      if (name === 'inner') continue
      t.same(await drive.readWhole(`folder/${name}`), await reference.readWhole(`folder/${name}`), name)
    }
  })

  await t.test('a file that was read whole is locally available', async t => {
    t.equal(await drive.xattr('readme.txt', 'user.b2bmount.state'), 'locally-available')
  })

  await t.test('reading a file changes neither its time nor its size', async t => {
    const shown = await drive.stat('large.bin')
    const expected = await reference.stat('large.bin')
    t.equal(shown.modified, expected.modified)
    t.equal(shown.size, expected.size)
  })

  await t.test('a name that is not there is ENOENT', async t => {
    await t.rejects(drive.stat('no such file'), { code: 'ENOENT' })
    await t.rejects(drive.stat('folder/no such file'), { code: 'ENOENT' })
    await t.rejects(drive.readWhole('folder/no such file'), { code: 'ENOENT' })
  })

  await t.test('names are told apart byte by byte', async t => {
    await t.rejects(drive.stat('README.TXT'), { code: 'ENOENT' })
  })

  await t.test('a file is not a folder', async t => {
    await t.rejects(drive.list('readme.txt'), { code: 'ENOTDIR' })
    await t.rejects(drive.stat('readme.txt/inner'), { code: 'ENOTDIR' })
  })

  await t.test('a folder is not a file', async t => {
    await t.rejects(drive.readWhole('folder'), { code: 'EISDIR' })
  })

  await t.test('opening for writing is refused', async t => {
    await t.rejects(drive.openForWriting('readme.txt'), { code: REFUSED_TO_WRITE })
  })

  await t.test('attributes of ours can be read, are not listed, and others do not exist', async t => {
    t.same(await drive.xattrNames('readme.txt'), [])
    t.match(await drive.xattr('readme.txt', 'user.b2bmount.web-url'), /^https:\/\//)
    await t.rejects(drive.xattr('readme.txt', 'user.b2bmount.nonsense'), { code: 'ENODATA' })
    await t.rejects(drive.xattr('readme.txt', 'user.other'), { code: 'ENODATA' })
  })
}
