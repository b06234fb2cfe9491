import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import t from 'tap'
import type { DaemonStatus, ItemStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { PROGRAM_WITH_CLOCK_AHEAD, putClockAhead } from '../helpers/clock-ahead.js'
import { eventually } from '../helpers/desktop-session.js'
import { mountWritable } from '../helpers/writable-library.js'

const MINUTE = 60

// What an organization refuses, through the real drive, the daemon, and HTTP; docs/SEMANTICS.md, "What goes back, and when".
t.test('what an organization refuses again and again', { skip: cannotMount }, async t => {
  const library = await mountWritable(t, [], PROGRAM_WITH_CLOCK_AHEAD)
  const { sandbox, driveId } = library
  const fault = (body: object) => sandbox.admin('PUT', '/faults', body)
  const noFaults = () => sandbox.admin('DELETE', '/faults')
  const itemStatus = (name: string) => sandbox.json<ItemStatus>('status', library.on(name))
  let ahead = 0
  const pass = (seconds: number) => putClockAhead(sandbox.home, (ahead += seconds))

  await t.test('a time that SharePoint cannot keep is one change, and one version', async t => {
    await writeFile(library.on('old.txt'), 'old\n')
    await library.sync()
    const { versions = 0 } = await library.there('old.txt')
    for (const year of [1966, 9999]) {
      await utimes(library.on('old.txt'), new Date(), new Date(Date.UTC(year, 5, 1)))
      for (let times = 0; times < 3; times++) {
        t.match(await library.sync(), { total: 0 })
        pass(10)
      }
    }
    t.equal((await library.there('old.txt')).versions, versions + 2)
  })

  await t.test('of a folder that goes, one file may not', async t => {
    await mkdir(library.on('Photos-2'))
    for (const name of ['1.jpg', '2.jpg', '3.jpg']) await writeFile(library.on('Photos-2', name), name)
    await library.sync()
    const { id } = await library.there('Photos-2/2.jpg')
    await fault({
      match: { route: 'delete-item', item: id },
      times: 0,
      action: { status: 403, code: 'accessDenied', message: 'A retention policy keeps this item.' },
    })
    await rm(library.on('Photos-2'), { recursive: true })
    t.match(await library.sync(), { total: 0 }, 'nothing waits for anything')
    await eventually('the file is here again', async () => {
      return (await readdir(library.on('Photos-2')).catch(() => [])).join() === '2.jpg'
    })
    t.same((await library.there('Photos-2')).children, ['2.jpg'])
    const { notDeleted = [] } = await sandbox.json<DaemonStatus>('status')
    t.match(notDeleted, [
      {
        path: library.on('Photos-2', '2.jpg'),
        problem: { code: 'access-denied', message: /retention policy keeps/ },
      },
    ])
    t.match(
      (await sandbox.cli('status', library.on('Photos-2/2.jpg'))).stdout,
      /does not let you change this/,
    )
    t.match((await sandbox.cli('deletions')).stdout, /here again: .*Photos-2\/2\.jpg/)
    await noFaults()
    await rm(library.on('Photos-2'), { recursive: true })
    t.match(await library.sync(), { total: 0 })
    t.notOk((await readdir(library.path)).includes('Photos-2'))
  })

  await t.test('one 409 while something changes there is no refusal', async t => {
    await writeFile(library.on('busy.txt'), 'x')
    await library.sync()
    await fault({
      match: { route: 'delete-item', drive: driveId },
      times: 1,
      action: { status: 409, code: 'resourceModified' },
    })
    await rm(library.on('busy.txt'))
    t.match(await library.sync(), { total: 0 })
    await t.rejects(library.there('busy.txt'))
    await noFaults()
  })

  await t.test('a deletion that fails can be taken back', async t => {
    await writeFile(library.on('wanted.txt'), 'I am wanted\n')
    await library.sync()
    await fault({ match: { route: 'delete-item', drive: driveId }, times: 0, action: { status: 500 } })
    await rm(library.on('wanted.txt'))
    await library.sync()
    t.match((await sandbox.cli('deletions')).stdout, /To be deleted, .*wanted\.txt/)
    const { status } = await sandbox.cli('deletions', 'reject', library.on('wanted.txt'))
    t.equal(status, 0)
    await noFaults()
    t.match(await library.sync(), { total: 0 })
    t.ok((await readdir(library.path)).includes('wanted.txt'))
    t.equal((await library.bytesThere('wanted.txt')).toString(), 'I am wanted\n')
  })

  await t.test(
    'an answer that nobody knows needs attention, with the words and the number of the request',
    async t => {
      await fault({
        match: { route: 'create-upload-session', drive: driveId },
        times: 0,
        action: { status: 400, code: 'invalidRequest', message: 'The column Project is required.' },
      })
      await sandbox.admin('DELETE', '/counters')
      await writeFile(library.on('form.txt'), 'x\n')
      let last: ItemStatus | undefined
      await eventually('it needs attention', async () => {
        pass(2 * MINUTE)
        await sandbox.cli('sync')
        last = await itemStatus('form.txt')
        return last.state === 'attention'
      })
      t.match(last, {
        unsent: {
          change: 'new-file',
          problem: { message: /“The column Project is required\.” \(request [\w-]+\)/ },
        },
      })
      t.match(
        (await sandbox.cli('status', library.on('form.txt'))).stdout,
        /changed here, and could not be sent/,
      )
      await noFaults()
      t.match(await library.sync(), { total: 0 })
      t.equal((await library.bytesThere('form.txt')).toString(), 'x\n')
    },
  )

  await t.test('a pinned file that is delivered otherwise than described is asked for twice', async t => {
    await sandbox.admin('POST', '/items', {
      do: 'create-file',
      drive: driveId,
      path: '',
      name: 'sealed.bin',
      generated: { seed: 7, size: 300_000 },
    })
    await eventually('it is here', async () => {
      pass(2 * MINUTE)
      return (await readdir(library.path)).includes('sealed.bin')
    })
    const { id } = await library.there('sealed.bin')
    for (const route of ['download', 'content'])
      await fault({ match: { route, item: id }, times: 0, action: { corruptAt: 100 } })
    await fault({ match: { route: 'download' }, times: 0, action: { corruptAt: 100 } })
    await sandbox.cli('pin', library.on('sealed.bin'))
    await eventually('it needs attention, and says why', async () => {
      pass(5 * MINUTE)
      const { state, problem } = await itemStatus('sealed.bin')
      return state === 'attention' && /may be protected/.test(problem?.message ?? '')
    })
    const bytes = async () =>
      (await sandbox.admin<{ content: { bytes: number } }>('GET', '/counters')).content.bytes
    const before = await bytes()
    for (let hour = 0; hour < 6; hour++) {
      pass(60 * MINUTE)
      await itemStatus('sealed.bin')
    }
    t.equal(await bytes(), before, 'nothing more is downloaded')
    await noFaults()
  })
})
