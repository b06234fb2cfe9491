import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ControlClient } from '../../../src/control/control-client.js'
import { pathsFor } from '../../../src/control/paths.js'
import { runDaemon, type DaemonOptions } from '../../../src/daemon/daemon.js'
import type { ActiveMount } from '../../../src/daemon/daemon-services.js'
import type { Log } from '../../../src/daemon/log.js'
import { MountPoints } from '../../../src/daemon/mount-point.js'
import { Fault } from '../../../src/model/fault.js'
import { FakeServices } from './fake-services.js'
import { TestClock } from './test-clock.js'

const CLOUD = {
  name: 'test',
  loginHost: 'login.example',
  graphHost: 'graph.example',
  sharePointSuffix: '.sharepoint.example',
  clientId: '11111111-2222-3333-4444-555555555555',
}

const never = new AbortController().signal

function daemon(test: Test, more: Partial<DaemonOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'b2bmount-daemon-'))
  const paths = pathsFor('test', { HOME: directory })
  const clock = new TestClock()
  const services = new FakeServices()
  const log: string[] = []
  const stop = new AbortController()
  let onReady: (mount: ActiveMount | undefined) => void = () => {}
  const ready = new Promise<ActiveMount | undefined>(resolve => (onReady = resolve))
  const options: DaemonOptions = {
    environment: { cloud: CLOUD, config: {}, paths, log: recordInto(log), clock },
    version: '1.2.3',
    openServices: async () => services,
    mountPoints: new MountPoints({
      mountTable: async () => [],
      lastMount: { read: async () => undefined, write: async () => undefined },
      probe: async () => 'answers',
      detach: async () => {},
    }),
    onReady,
    ...more,
  }
  const ended = runDaemon(options, stop.signal)
  ended.catch(() => {})
  test.teardown(async () => {
    stop.abort()
    await ended.catch(() => {})
    rmSync(directory, { recursive: true })
  })
  return { directory, paths, clock, services, log, ready, ended, options, stop: () => stop.abort() }
}

t.test('a daemon with nothing to do ends after a minute and leaves no socket and no lock', async t => {
  const { clock, paths, services, ended, ready, log } = daemon(t)
  await ready
  t.ok(existsSync(paths.socket))
  for (let second = 0; second < 60; second += 5) await clock.advance(5_000)
  await ended
  t.ok(services.closed)
  t.notOk(existsSync(paths.runDirectory))
  t.notOk(existsSync(join(paths.stateDirectory, 'daemon.lock')))
  t.same(log, ['info daemon-started', 'info daemon-idle', 'info daemon-stopped'])
})

t.test('a client, a mount or work in the background keeps it alive', async t => {
  const { clock, paths, services, ended, ready } = daemon(t)
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  await ready
  const client = await ControlClient.connect(paths.socket, never)
  for (let i = 0; i < 30; i++) await clock.advance(5_000)
  t.equal(hasEnded, false, 'a client')
  services.busy = true
  client?.close()
  await client?.closed()
  for (let i = 0; i < 30; i++) await clock.advance(5_000)
  t.equal(hasEnded, false, 'busy')
  services.busy = false
  for (let i = 0; i < 12; i++) await clock.advance(5_000)
  await ended
})

t.test('stop unmounts before the client sees the end of the connection', async t => {
  const { paths, services, ended, ready, directory } = daemon(t)
  await ready
  const client = await ControlClient.connect(paths.socket, never)
  await client?.request('mount', { directory: join(directory, 'drive') }, never)
  await client?.request('stop', {}, never)
  await client?.closed()
  t.equal(services.mounts.size, 0)
  t.ok(services.closed)
  await ended
})

t.test('in the foreground it is ready once mounted, and ends when the mount goes', async t => {
  const drive = join(mkdtempSync(join(tmpdir(), 'b2bmount-drive-')), 'B2B')
  t.teardown(() => rmSync(join(drive, '..'), { recursive: true }))
  const { services, ended, ready } = daemon(t, {
    directory: drive,
    onReady: mount => t.equal(mount?.directory, drive),
  })
  void ready
  while (services.mounts.size === 0) await new Promise(resolve => setImmediate(resolve))
  services.mounts.get(drive)?.vanish()
  await ended
  t.ok(services.closed)
})

t.test('a signal ends it in good order', async t => {
  const { services, ended, ready, stop } = daemon(t)
  await ready
  stop()
  await ended
  t.ok(services.closed)
})

t.test('a second daemon is refused and does not disturb the first', async t => {
  const { options, paths, ready } = daemon(t)
  await ready
  await t.rejects(runDaemon(options, never), { code: 'already-running' })
  const client = await ControlClient.connect(paths.socket, never)
  t.ok(client)
  client?.close()
})

t.test('what somebody has removed of it comes back: its socket, and the file of its lock', async t => {
  const { clock, options, paths, ready } = daemon(t)
  await ready
  const first = await ControlClient.connect(paths.socket, never)
  rmSync(paths.runDirectory, { recursive: true })
  rmSync(join(paths.stateDirectory, 'daemon.lock'))
  await t.rejects(runDaemon(options, never), { code: 'already-running' })
  await clock.advance(5_000)
  while (!existsSync(paths.socket)) await new Promise(resolve => setImmediate(resolve))
  t.ok(existsSync(join(paths.stateDirectory, 'daemon.lock')))
  const second = await ControlClient.connect(paths.socket, never)
  t.match(await second?.request('list', {}, never), [], 'it answers who comes')
  t.match(await first?.request('list', {}, never), [], 'and who was there')
  first?.close()
  second?.close()
})

t.test('services that still work after some seconds keep the lock until the process has ended', async t => {
  const services = new FakeServices()
  services.close = () => new Promise(() => undefined)
  const { options, ready, ended, stop, log } = daemon(t, { openServices: async () => services })
  await ready
  stop()
  await ended
  t.ok(log.includes('warn close-too-slow'))
  await t.rejects(runDaemon(options, never), { code: 'already-running' })
})

t.test('services that do not open give the lock back', async t => {
  const failing = async () => Promise.reject(new Fault('store-corrupt', 'The store is damaged'))
  const { ended, paths } = daemon(t, { openServices: failing })
  await t.rejects(ended, { code: 'store-corrupt' })
  t.notOk(existsSync(join(paths.stateDirectory, 'daemon.lock')))
})

function recordInto(lines: string[]): Log {
  const level = (name: string) => (event: string) => void lines.push(`${name} ${event}`)
  return { error: level('error'), warn: level('warn'), info: level('info'), debug: level('debug') }
}
