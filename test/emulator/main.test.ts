import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

const MAIN = fileURLToPath(new URL('../../src/emulator/main.js', import.meta.url))

interface Ready {
  readonly ready: true
  readonly port: number
  readonly cloud: string
  readonly ca: string
  readonly admin: string
}

async function start(t: Test, ...args: string[]): Promise<{ child: ChildProcess; ready: Ready }> {
  const child = spawn(process.execPath, [MAIN, '--json', ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface(child.stdout)) return { child, ready: JSON.parse(line) as Ready }
  throw new Error('the emulator ended without a word')
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise(resolve => child.once('exit', code => resolve(code)))
}

function get(ready: Ready, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(`${ready.admin}${path}`, { ca: readFileSync(ready.ca), servername: 'localhost' }, response => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.once('end', () => resolve(text))
    })
      .once('error', reject)
      .end()
  })
}

t.test('it says when it is ready, where it is, and stops on SIGTERM', async t => {
  const { child, ready } = await start(t, '--directory', t.testdir(), '--world', 'empty')
  const cloud = JSON.parse(readFileSync(ready.cloud, 'utf8')) as Record<string, unknown>
  t.match(cloud, {
    name: 'emulator',
    loginHost: 'login.microsoftonline.com',
    graphHost: 'graph.microsoft.com',
    sharePointSuffix: '.sharepoint.com',
    clientId: /^[0-9a-f-]{36}$/,
    connectTo: { address: '127.0.0.1', port: ready.port },
    caFile: ready.ca,
  })
  t.ok(existsSync(ready.ca))
  t.match(await get(ready, '/clock'), /"frozen":false/)
  child.kill('SIGTERM')
  t.equal(await ended(child), 0)
})

t.test('it goes with its parent when asked to', async t => {
  const { child } = await start(t, '--directory', t.testdir(), '--world', 'empty', '--exit-with-parent')
  child.stdin?.end()
  t.equal(await ended(child), 0)
})

t.test('a world file describes tenants, people, libraries and files', async t => {
  const directory = t.testdir()
  mkdirSync(join(directory, 'state'))
  const file = join(directory, 'world.json')
  writeFileSync(
    file,
    JSON.stringify({
      tenants: [
        { slug: 'home', displayName: 'Home', members: [['zoe', 'Zoe']] },
        {
          slug: 'partner',
          displayName: 'Partner',
          guests: ['zoe@home.example'],
          sites: [
            {
              name: 'Shared',
              libraries: [
                {
                  name: 'Docs',
                  files: { 'a/b.txt': 'below a', 'big.bin': { seed: 1, size: 5000 } },
                  grants: [{ user: 'zoe@home.example', role: 'read', path: 'a' }],
                },
              ],
            },
          ],
        },
      ],
    }),
  )
  const { child, ready } = await start(t, '--directory', join(directory, 'state'), '--world', file)
  const world = JSON.parse(await get(ready, '/world')) as { addresses: Record<string, string> }
  t.equal(world.addresses['partner Shared Docs a'], 'https://partner.sharepoint.com/sites/Shared/Docs/a')
  child.kill('SIGINT')
  t.equal(await ended(child), 0)
})

t.test('bad arguments are one clear sentence', async t => {
  const run = promisify(execFile)
  const directory = t.testdir()
  const fails = async (args: string[], message: RegExp) => {
    const all = [MAIN, '--directory', directory, ...args]
    await t.rejects(run(process.execPath, all, { timeout: 20_000 }), { code: 1, stderr: message })
  }
  await fails(['--world', 'mars'], /^b2bmount-emulator: there is no world 'mars'.*\n$/)
  await fails(['--port', 'x'], /a number from 0 to 65535/)
  await fails(['--library', 'contoso'], /is not of the form tenant\/name=directory/)
  await fails(
    ['--library', `contoso/A=${directory}/none`],
    /^b2bmount-emulator: \/.*\/none is not a directory\n$/,
  )
  await fails(['--library', `nobody/A=${directory}`], /there is no tenant 'nobody'/)
  await fails(['--world', join(directory, 'none.json')], /is not a world file/)
})
