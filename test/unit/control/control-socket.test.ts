import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import type { Prompt, Progress } from '../../../src/control/answers.js'
import { ControlClient } from '../../../src/control/control-client.js'
import { ControlServer } from '../../../src/control/control-server.js'
import { PROTOCOL_VERSION } from '../../../src/control/protocol.js'
import { commandHandlers } from '../../../src/daemon/command-handlers.js'
import { MountPoints } from '../../../src/daemon/mount-point.js'
import { Fault } from '../../../src/model/fault.js'
import { ANN, FakeServices } from '../daemon/fake-services.js'

const never = new AbortController().signal

/** A real socket in a directory with a short name. */
function socketPath(test: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'b2bmount-control-'))
  test.teardown(() => rmSync(directory, { recursive: true }))
  return join(directory, 'control.sock')
}

async function startServer(test: Test) {
  const services = new FakeServices()
  const failures: string[] = []
  let stops = 0
  const socket = socketPath(test)
  const server = new ControlServer({
    socket,
    version: '1.2.3',
    handlers: commandHandlers({
      services,
      mountPoints: new MountPoints({
        mountTable: async () => [],
        lastMount: { read: async () => undefined, write: async () => undefined },
        probe: async () => 'answers',
        detach: async () => {},
      }),
      about: { version: '1.2.3', pid: process.pid, cloud: 'test', started: 0 },
      stop: () => stops++,
    }),
    onFailure: (command, failure) =>
      failures.push(`${command}: ${failure instanceof Error ? failure.name : ''}`),
  })
  await server.listen()
  test.teardown(async () => {
    server.drain()
    await server.close()
  })
  return { services, failures, socket, server, stops: () => stops }
}

async function connect(test: Test, socket: string): Promise<ControlClient> {
  const client = await ControlClient.connect(socket, never)
  if (client === undefined) throw new Error('nobody listens')
  test.teardown(() => client.close())
  return client
}

t.test('the daemon says hello with its protocol and version', async t => {
  const { socket } = await startServer(t)
  const { hello } = await connect(t, socket)
  t.same(hello, { type: 'hello', protocol: PROTOCOL_VERSION, version: '1.2.3', pid: process.pid })
})

t.test('only its owner can reach the socket', async t => {
  const { socket } = await startServer(t)
  t.equal(statSync(socket).mode & 0o777, 0o600)
})

t.test('nobody listens: no file, or a file that a killed daemon left behind', async t => {
  const socket = socketPath(t)
  t.equal(await ControlClient.connect(socket, never), undefined)
  writeFileSync(socket, '')
  t.equal(await ControlClient.connect(socket, never), undefined)
})

t.test('a server takes the place of the socket that a killed daemon left behind', async t => {
  const { socket, server } = await startServer(t)
  server.drain()
  writeFileSync(socket, '')
  await t.resolves(server.close())
})

t.test('progress and prompts come before the answer', async t => {
  const { socket } = await startServer(t)
  const client = await connect(t, socket)
  const seen: (Progress | Prompt)[] = []
  const observer = { onProgress: (p: Progress) => seen.push(p), onPrompt: (p: Prompt) => seen.push(p) }
  t.same(await client.request('sign-in', { deviceCode: false }, never, observer), ANN)
  await client.request('add', { address: 'https://contoso' }, never, observer)
  t.same(seen, [
    { kind: 'browser', url: 'https://login.example/authorize?state=x' },
    { message: 'Asking Contoso', done: 1, total: 2 },
  ])
})

t.test('a Fault keeps its code, message and next step', async t => {
  const { socket, failures } = await startServer(t)
  const client = await connect(t, socket)
  await t.rejects(client.request('whoami', {}, never), {
    name: 'Fault',
    code: 'not-signed-in',
    message: 'Nobody is signed in',
    nextStep: 'Run:  b2bmount sign-in',
  })
  t.same(failures, ['whoami: Fault'])
})

t.test('a bug keeps nothing but that it is one', async t => {
  const { socket, failures } = await startServer(t)
  const client = await connect(t, socket)
  await t.rejects(client.request('add', { address: 'bug' }, never), {
    name: 'InternalError',
    message: 'An internal error occurred',
  })
  t.same(failures, ['add: TypeError'])
})

t.test('cancelling ends the command in the daemon and not the connection', async t => {
  const { socket, failures } = await startServer(t)
  const client = await connect(t, socket)
  const cancelling = new AbortController()
  const running = client.request('add', { address: 'wait' }, cancelling.signal, {
    onProgress: () => cancelling.abort(new Fault('cancelled', 'Enough')),
    onPrompt: () => {},
  })
  await t.rejects(running, { code: 'cancelled', message: 'Enough' })
  t.same(await client.request('list', {}, never), [])
  t.same(failures, ['add: Fault'])
})

t.test('a client that goes away cancels what it asked for', async t => {
  const { socket, failures, server } = await startServer(t)
  const client = await connect(t, socket)
  const running = client.request('add', { address: 'wait' }, never, {
    onProgress: () => client.close(),
    onPrompt: () => {},
  })
  await t.rejects(running, { code: 'daemon-unreachable' })
  while (server.clientCount > 0) await new Promise(resolve => setImmediate(resolve))
  t.same(failures, ['add: Fault'])
})

t.test('two requests of one client run side by side', async t => {
  const { socket } = await startServer(t)
  const client = await connect(t, socket)
  const cancelling = new AbortController()
  const waiting = client.request('add', { address: 'wait' }, cancelling.signal)
  t.same(await client.request('list', {}, never), [])
  cancelling.abort(new Fault('cancelled', 'Enough'))
  await t.rejects(waiting, { code: 'cancelled' })
})

t.test('stop is answered before anything ends', async t => {
  const { socket, stops } = await startServer(t)
  const client = await connect(t, socket)
  t.same(await client.request('stop', {}, never), {})
  t.equal(stops(), 1)
})

t.test('a draining server takes no more requests; clients see the end when it closes', async t => {
  const { socket, server } = await startServer(t)
  const client = await connect(t, socket)
  server.drain()
  await t.rejects(client.request('list', {}, never), { code: 'cancelled' })
  t.equal(await ControlClient.connect(socket, never), undefined)
  await server.close()
  await t.resolves(client.closed())
})

t.test('wrong arguments are refused by name', async t => {
  const { socket } = await startServer(t)
  const answers = await exchange(t, socket, [
    { type: 'request', id: 1, command: 'add', arguments: {} },
    { type: 'request', id: 2, command: 'sign-in', arguments: { deviceCode: 'yes' } },
    { type: 'request', id: 3, command: 'toString', arguments: {} },
    { type: 'request', id: 4, command: 'list', arguments: null },
  ])
  t.match(answers, [
    { id: 1, problem: { code: 'usage', message: '"add" needs "address", a text' } },
    { id: 2, problem: { code: 'usage', message: '"sign-in" needs "deviceCode", true or false' } },
    { id: 3, problem: { code: 'usage', message: 'Unknown command "toString"' } },
    { id: 4, problem: { code: 'usage' } },
  ])
})

t.test('a client that does not speak the protocol is cut off', async t => {
  const { socket, failures } = await startServer(t)
  for (const line of [
    'GET / HTTP/1.1',
    '{"type":"request"}',
    `{"type":"x","id":1,"pad":"${'x'.repeat(70_000)}"}`,
  ]) {
    const raw = await openRaw(t, socket)
    raw.write(`${line}\n`)
    await new Promise(resolve => raw.once('close', resolve))
  }
  t.same(failures, Array(3).fill('(protocol): Fault'))
})

t.test('a daemon of another protocol is recognised, and can be told by its pid', async t => {
  const socket = await fakeDaemon(
    t,
    '{"type":"hello","protocol":999,"version":"9.9.9","pid":4711,"more":true}\n',
  )
  const client = await connect(t, socket)
  t.equal(client.compatible, false)
  t.equal(client.hello.pid, 4711)
  await t.rejects(client.request('list', {}, never), {
    code: 'daemon-incompatible',
    nextStep: /b2bmount stop/,
  })
})

t.test('something else on the socket is not taken for a daemon', async t => {
  const socket = await fakeDaemon(t, 'SSH-2.0-OpenSSH_9.2\n')
  await t.rejects(ControlClient.connect(socket, never), { code: 'protocol-error' })
})

t.test('a daemon that never says hello can be given up', async t => {
  const socket = await fakeDaemon(t, '')
  const giveUp = new AbortController()
  const connecting = ControlClient.connect(socket, giveUp.signal)
  giveUp.abort(new Fault('cancelled', 'Enough'))
  await t.rejects(connecting, { code: 'cancelled' })
})

t.test('a daemon that dies as it is connected to counts as none', async t => {
  const path = socketPath(t)
  const server = createServer(socket => socket.destroy())
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => server.close())
  t.equal(await ControlClient.connect(path, new AbortController().signal), undefined)
})

async function openRaw(test: Test, path: string): Promise<Socket> {
  const raw = createConnection(path)
  test.teardown(() => raw.destroy())
  raw.on('error', () => {})
  raw.resume()
  await new Promise(resolve => raw.once('connect', resolve))
  return raw
}

/** Sends all requests at once; returns the answers in the order of their ids. */
async function exchange(test: Test, path: string, requests: readonly object[]): Promise<{ id: number }[]> {
  const raw = await openRaw(test, path)
  raw.write(requests.map(request => `${JSON.stringify(request)}\n`).join(''))
  const answers: { id: number }[] = []
  for await (const line of createInterface({ input: raw })) {
    const message = JSON.parse(line) as { type: string; id: number }
    if (message.type !== 'hello') answers.push(message)
    if (answers.length === requests.length) break
  }
  return answers.sort((a, b) => a.id - b.id)
}

async function fakeDaemon(test: Test, greeting: string): Promise<string> {
  const path = socketPath(test)
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    socket.on('error', () => {})
    socket.write(greeting)
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  test.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return path
}
