import { appendFile, mkdir, open, readdir, readFile, rm, rmdir } from 'node:fs/promises'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'
import { mountWritable } from '../helpers/writable-library.js'

t.test('answers that are none, on a mounted drive', { skip: cannotMount }, async t => {
  const library = await mountWritable(t)
  const { sandbox, driveId } = library
  const fault = (id: string, route: string, action: object, times = 0) =>
    sandbox.admin('PUT', '/faults', { id, match: { route, drive: driveId }, times, action })
  const noFaults = () => sandbox.admin('DELETE', '/faults')
  t.teardown(() => noFaults().catch(() => undefined))
  const shown = (name: string) =>
    eventually(`${name} is shown`, async () => (await readdir(library.path)).includes(name))

  await t.test('a web page in place of a file is an error, and not kept', async t => {
    const generated = { seed: 1, size: 262_144 }
    await library.edit({ do: 'create-file', path: '', name: 'large.bin', generated })
    await shown('large.bin')
    const headers = { 'Content-Type': 'text/html', 'Content-Encoding': 'identity' }
    await sandbox.admin('PUT', '/faults', {
      id: 'page',
      match: { route: 'download' },
      action: { status: 200, headers, body: '<html>sorry</html>' },
    })
    const head = async () => {
      const file = await open(library.on('large.bin'))
      try {
        return (await file.read(Buffer.alloc(18), 0, 18, 0)).buffer
      } finally {
        await file.close()
      }
    }
    await t.rejects(head(), { code: 'EIO' })
    await noFaults()
    t.same(await head(), (await library.bytesThere('large.bin')).subarray(0, 18))
  })

  await t.test('a folder with something that is not understood is not deleted', async t => {
    await mkdir(library.on('Mine'))
    await library.sync()
    for (const route of ['children', 'delta']) await fault(route, route, { omit: ['file'] })
    await library.edit({ do: 'create-file', path: 'Mine', name: 'theirs.bin', text: 'theirs' })
    // As soon as the drive knows; before, the deletion is not carried out over there.
    await rmdir(library.on('Mine')).catch((failure: unknown) => {
      t.match(failure, { code: 'ENOTEMPTY' })
    })
    await library.sync()
    t.same((await library.there('Mine')).children, ['theirs.bin'])
    await eventually('it is not empty here either', async () => {
      const failure = await rmdir(library.on('Mine')).catch((failure: unknown) => failure)
      return (failure as NodeJS.ErrnoException | undefined)?.code === 'ENOTEMPTY'
    })
    await t.rejects(rm(library.on('Mine'), { recursive: true }), { code: 'ENOTEMPTY' })
    await noFaults()
    t.same((await library.there('Mine')).children, ['theirs.bin'])
  })

  await t.test('an append to a file that is replaced over there keeps both, whole', async t => {
    await library.edit({ do: 'create-file', path: '', name: 'five.txt', text: 'five\n' })
    await shown('five.txt')
    await sandbox.admin('PUT', '/faults', {
      id: 'away',
      match: { route: 'download' },
      action: { resetAfterBytes: 0 },
    })
    await appendFile(library.on('five.txt'), 'mine\n')
    await library.edit({ do: 'replace', path: 'five.txt', text: 'theirs\n' })
    await noFaults()
    await library.sync()
    const names = (await readdir(library.path)).filter(name => name.startsWith('five'))
    t.equal(names.length, 2)
    for (const name of names) {
      const text = name === 'five.txt' ? 'theirs\n' : 'five\nmine\n'
      t.equal(await readFile(library.on(name), 'utf8'), text, name)
      t.equal((await library.bytesThere(name)).toString(), text, `${name} over there`)
    }
  })
})
