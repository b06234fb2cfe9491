import { mkdir, open, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { mountDirectory } from '../helpers/mounted-directory.js'

// "Attributes of an item are the same by whichever way a program meets it: by its name, in a listing, by an open file, before
// and after `add` or a change of rights."

interface World {
  readonly tenants: readonly {
    readonly slug: string
    readonly sites: readonly {
      readonly title: string
      readonly libraries: readonly { readonly name: string; readonly webUrl: string }[]
    }[]
  }[]
}

/** Ann may write in this one, and only read in the other. */
function writableOf({ tenants }: World): string {
  const sites = tenants.find(({ slug }) => slug === 'contoso')?.sites
  const design = sites?.find(({ title }) => title === 'Design')?.libraries
  const found = design?.find(({ name }) => name === 'Documents')
  if (found === undefined) throw new Error('the demo world has no such library')
  return found.webUrl
}

/** What a program sees of an item, but for the time of its last use. */
async function seen(path: string, opened: boolean): Promise<string> {
  const file = opened ? await open(path, 'r') : undefined
  const { ino, mode, nlink, uid, gid, size, blocks, mtimeMs, ctimeMs } = await (file?.stat() ?? stat(path))
  await file?.close()
  return [ino, mode.toString(8), nlink, uid, gid, size, blocks, mtimeMs, ctimeMs].join(' ')
}

/** Of everything in a directory, by path. @param first whether names are read before anything is looked at */
async function everything(directory: string, first: boolean, opened: boolean): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  if (!first) found.set(directory, await seen(directory, opened))
  const names = await readdir(directory, { withFileTypes: true })
  if (first) found.set(directory, await seen(directory, opened))
  for (const entry of names) {
    const path = join(directory, entry.name)
    if (!entry.isDirectory()) found.set(path, await seen(path, opened))
    else for (const [at, what] of await everything(path, first, opened)) found.set(at, what)
  }
  return found
}

for (const transport of ['kernel', 'fuse-native']) {
  t.test(`attributes are the same by every way: ${transport}`, { skip: cannotMount }, async t => {
    const fill = async (directory: string) => {
      await mkdir(join(directory, 'inner', 'deep'), { recursive: true })
      for (const name of ['a.txt', 'inner/b.txt', 'inner/deep/c.txt'])
        await writeFile(join(directory, name), name)
    }
    const options = ['--transport', transport]
    const { sandbox, drive, library } = await mountDirectory(t, fill, options)
    const same = async (what: string) => {
      // By names alone, as after a new mount, when nothing has been listed.
      await sandbox.json('unmount', drive)
      await sandbox.json('mount', drive, ...options)
      const paths = [
        join(library, 'inner', 'deep', 'c.txt'),
        join(library, 'a.txt'),
        library,
        join(library, '..'),
      ]
      const byName = new Map<string, string>()
      for (const path of paths) byName.set(path, await seen(path, false))
      const listed = await everything(drive, true, false)
      for (const [path, shown] of byName) t.equal(listed.get(path), shown, `${path}, ${what}`)
      t.same(await everything(drive, false, true), listed, `by open files, ${what}`)
      t.same(await everything(drive, true, false), listed, `once more, ${what}`)
      return listed
    }
    const before = await same('at first')

    const address = writableOf(await sandbox.admin<World>('GET', '/world'))
    const { library: added } = await sandbox.json<{ library: { organization: string; name: string } }>(
      'add',
      address,
    )
    const second = join(drive, added.organization, added.name)
    const shown = await seen(second, false)
    await readdir(join(second, '..'))
    t.equal(await seen(second, false), shown, 'a library that was just added')
    t.equal((await stat(second)).mode & 0o777, transport === 'kernel' ? 0o755 : 0o555)
    const after = await same('after another library was added')
    for (const [path, what] of before) {
      // The organization's folder has another library in it.
      if (path.startsWith(library)) t.equal(after.get(path), what, path)
    }
  })
}
