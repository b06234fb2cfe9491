import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import type { AddedLibrary, DaemonStatus } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'

const PROMISED_MILLISECONDS = 2_000
const PROMISED_FOR_MANY_MILLISECONDS = 5_000
const MANY = 1_000
const AT_ONCE = 8
// Two rounds of the polling that follows upon changes, and a busy machine.
const POLLED_MILLISECONDS = 40_000
const INOTIFYWAIT = '/usr/bin/inotifywait'

/** Watches a directory; lines are `EVENT,EVENT name`. */
async function watch(t: Test, directory: string): Promise<readonly string[]> {
  const child = spawn(INOTIFYWAIT, ['-m', '--format', '%e %f', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
  })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: string[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  let isReady = false
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (isReady ||= text.includes('Watches established')))
  await eventually('the directory is watched', () => isReady)
  return lines
}

const sizeOf = async (file: string) => (await stat(file).catch(() => undefined))?.size

t.test('what happens on the other side', { skip: cannotMount }, async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  // What libraries would print: addresses that are secrets.
  Object.assign(sandbox.env, { DEBUG: '*', NODE_DEBUG: 'undici' })
  await sandbox.json('sign-in')
  const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
  const { library } = await sandbox.json<AddedLibrary>('add', addresses['contoso documents'] ?? 'no library')
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  await sandbox.json('mount', drive)
  const folder = join(drive, library.organization, library.name)
  const edit = (path: string, change: object) =>
    sandbox.admin('POST', '/items', { drive: library.root.drive, path, ...change })
  const status = async () => (await sandbox.json<DaemonStatus>('status')).libraries[0]
  const pushed = async (expected: boolean) => (await status())?.pushed === expected

  /** Makes a change and waits for it. @returns milliseconds from the service's answer on */
  const seen = async (
    what: string,
    change: () => Promise<unknown>,
    holds: () => Promise<boolean>,
    within: number,
  ) => {
    t.notOk(await holds(), `${what}: not yet`)
    await change()
    const start = performance.now()
    while (!(await holds()) && performance.now() - start < 3 * within) await setTimeout(10)
    const took = Math.round(performance.now() - start)
    t.ok(took <= within, `${what}: ${took} ms`)
    t.comment(`${what}: ${took} ms`)
  }

  await eventually('it is listed and listened to', () => pushed(true))
  const names = await readdir(folder)
  t.ok(names.length > 5)
  const lines = existsSync(INOTIFYWAIT) ? await watch(t, folder) : undefined
  const heard = (line: string) =>
    lines === undefined ? Promise.resolve() : eventually(line, () => lines.includes(line), 10_000)
  const has = async (name: string) => (await readdir(folder)).includes(name)
  const file = (name: string) => join(folder, name)

  await t.test('is seen within two seconds, and told to who watches', async t => {
    const create = () => edit('', { do: 'create-file', name: 'new.txt', text: 'first' })
    await seen('created', create, async () => (await sizeOf(file('new.txt'))) === 5, PROMISED_MILLISECONDS)
    t.ok(await has('new.txt'))
    t.equal(await readFile(file('new.txt'), 'utf8'), 'first')
    await heard('CREATE new.txt')

    const replace = () => edit('new.txt', { do: 'replace', text: 'second one' })
    const isSecond = async () => (await readFile(file('new.txt'), 'utf8')) === 'second one'
    await seen('edited', replace, isSecond, PROMISED_MILLISECONDS)
    t.equal(await sizeOf(file('new.txt')), 10)
    await heard('MODIFY new.txt')

    const rename = () => edit('new.txt', { do: 'rename', name: 'renamed.txt' })
    await seen('renamed', rename, () => has('renamed.txt'), PROMISED_MILLISECONDS)
    t.equal(await sizeOf(file('new.txt')), undefined)
    t.equal(await readFile(file('renamed.txt'), 'utf8'), 'second one')
    await heard('DELETE new.txt')
    await heard('CREATE renamed.txt')

    const remove = () => edit('renamed.txt', { do: 'delete' })
    await seen('deleted', remove, async () => !(await has('renamed.txt')), PROMISED_MILLISECONDS)
    await t.rejects(stat(file('renamed.txt')), { code: 'ENOENT' })
    await heard('DELETE renamed.txt')
    t.same(await readdir(folder), names)
  })

  await t.test('a thousand changes are seen within five seconds', async () => {
    await edit('', { do: 'create-folder', name: 'many' })
    await eventually('the folder is there', () => has('many'))
    const many = async () => {
      let next = 0
      const work = async () => {
        for (let i = next++; i < MANY; i = next++)
          await edit('many', { do: 'create-file', name: `${i}.txt`, text: String(i) })
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
    }
    const areAll = async () => (await readdir(file('many'))).length === MANY
    await seen('a thousand', many, areAll, PROMISED_FOR_MANY_MILLISECONDS)
  })

  await t.test('is asked for from time to time where the service does not tell', async () => {
    const refuse = { id: 'untold', match: { route: 'subscription-socketio' }, action: { status: 400 } }
    await sandbox.admin('POST', '/faults', refuse)
    await sandbox.admin('PUT', '/push', { disconnect: true })
    await eventually('status says so', () => pushed(false), 10_000)
    const create = () => edit('', { do: 'create-file', name: 'untold.txt', text: 'x' })
    await seen('by asking', create, () => has('untold.txt'), POLLED_MILLISECONDS)
    t.match(await status(), { state: 'up-to-date', pushed: false, problem: undefined })
  })

  await t.test('nothing that was logged holds the address that changes are told at', async t => {
    const state = join(sandbox.home, '.local', 'state', 'b2bmount', 'emulator')
    const log = await readFile(join(state, 'daemon.log'), 'utf8')
    t.match(log, /"mounted"/)
    t.same(
      log
        .split('\n')
        .filter(line => /token=|socket\.io-client:|engine\.io-client:|sending request/.test(line)),
      [],
    )
  })
})
