import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import { EXIT } from '../../src/cli/exit-code.js'
import type { DaemonStatus } from '../../src/control/answers.js'
import type { Cloud } from '../../src/model/cloud.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mountDirectory } from '../helpers/mounted-directory.js'

const execute = promisify(execFile)
const MIB = 1024 * 1024

t.test('the store is damaged', { skip: cannotMount }, async t => {
  const { sandbox, drive } = await mountDirectory(t, directory =>
    writeFile(join(directory, 'file.txt'), 'I exist to be forgotten.\n'),
  )
  await sandbox.json('stop')
  const { name } = JSON.parse(await readFile(sandbox.cloudFile, 'utf8')) as Cloud
  const state = join(sandbox.home, '.local/state/b2bmount', name)
  const store = await open(join(state, 'store.sqlite'), 'r+')
  await store.write(Buffer.alloc(2 * 4096, 0x5a), 0, 2 * 4096, 0)
  await store.close()

  const told = await sandbox.cli('mount', drive)
  t.equal(told.status, EXIT.machine)
  t.match(told.stderr, /store\.sqlite\.corrupt-.*\n.*b2bmount add/)
  t.notMatch(told.stderr, /\bat .*\.js:\d+/)
  const { status, stderr } = await sandbox.cli('mount', drive)
  t.equal(status, EXIT.ok, `the drive is there all the same: ${stderr}`)
  t.ok(
    (await readdir(state)).some(file => file.startsWith('store.sqlite.corrupt-')),
    'the damaged store is kept as evidence',
  )
  const { account, libraries } = await sandbox.json<DaemonStatus>('status')
  t.equal(account?.username, 'ann@fabrikam.example', 'the sign-in is not lost with it')
  t.same(libraries, [])
  t.match(await readFile(join(state, 'daemon.log'), 'utf8'), /store-corrupt/)
})

const rootOnly = process.getuid?.() !== 0 && 'only root can make a small disk'
t.test(
  'the disk is full: the reader is told, and nothing else breaks',
  { skip: cannotMount || rootOnly },
  async t => {
    const { sandbox, library, drive, source } = await mountDirectory(t, async directory => {
      await writeFile(join(directory, 'large.bin'), Buffer.alloc(24 * MIB, 'I am large. '))
      await writeFile(join(directory, 'small.txt'), 'I exist to fit.\n')
    })
    await sandbox.json('stop')
    const cache = join(sandbox.home, '.cache')
    await mkdir(cache, { recursive: true })
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', cache])
    t.teardown(() => execute('umount', ['--lazy', cache]))
    await sandbox.json('mount', drive)

    await t.rejects(readFile(join(library, 'large.bin')), { code: 'ENOSPC' })
    await execute('mount', ['-o', 'remount,size=64m', cache])
    t.equal(await readFile(join(library, 'small.txt'), 'utf8'), 'I exist to fit.\n')
    t.same(
      await readFile(join(library, 'large.bin')),
      await readFile(join(source, 'large.bin')),
      'once there is room',
    )
    // Before the disk goes away, whoever writes to it must have ended.
    await sandbox.json('stop')
  },
)

t.test('the disk is full, or cannot be written, before anything begins', { skip: rootOnly }, async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  const state = join(sandbox.home, '.local')
  await mkdir(state)
  await execute('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', state])
  t.teardown(() => execute('umount', ['--lazy', state]))
  const refused = async (code: string) => {
    for (const args of [['list'], ['mount', '--foreground', join(sandbox.home, 'B2B')]]) {
      const { status, stdout } = await sandbox.cli(...args, '--json')
      t.equal(status, EXIT.machine)
      t.match(JSON.parse(stdout), { error: { code, message: state, nextStep: /\S/ } })
    }
  }

  const fill = join(state, 'fill')
  await writeFile(fill, Buffer.alloc(1024 * 1024)).catch(() => undefined)
  await refused('disk-full')
  await rm(fill)
  t.equal((await sandbox.cli('list')).status, EXIT.ok, 'once there is room')
  await sandbox.json('stop')
  // Refused for as long as the daemon has its log open, which is a little longer than it answers.
  const remount = () => execute('mount', ['-o', 'remount,ro', state]).then(() => true)
  while (!(await remount().catch(() => false))) await setTimeout(50)
  await refused('local-io')
})

t.test('somebody else answers in place of the service: nothing is told to him', async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  await sandbox.json('sign-in')
  const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
  await sandbox.json('stop')

  let requests = 0
  const { key, cert } = await selfSigned(sandbox.home)
  const impostor = createServer({ key, cert }, (_, response) => {
    requests++
    response.end()
  })
  await new Promise<void>(resolve => impostor.listen(0, '127.0.0.1', resolve))
  t.teardown(() => impostor.close())
  const cloud = JSON.parse(await readFile(sandbox.cloudFile, 'utf8')) as Cloud
  const { port } = impostor.address() as AddressInfo
  await writeFile(sandbox.cloudFile, JSON.stringify({ ...cloud, connectTo: { address: '127.0.0.1', port } }))

  const { status, stdout, stderr } = await sandbox.cli(
    'add',
    addresses['contoso site'] ?? 'no address',
    '--json',
  )
  t.equal(status, EXIT.network)
  const { error } = JSON.parse(stdout || stderr) as { error: { code: string; message: string } }
  t.equal(error.code, 'certificate-untrusted')
  t.match(error.message, /contoso\.sharepoint\.com|login\.microsoftonline\.com/)
  t.equal(requests, 0)
})

t.test('the service cannot be reached', async t => {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  await sandbox.json('sign-in')
  await sandbox.cutOff()
  const { status, stdout, stderr } = await sandbox.cli(
    'add',
    'https://contoso.sharepoint.com/sites/Design',
    '--json',
  )
  t.equal(status, EXIT.network)
  const { error } = JSON.parse(stdout || stderr) as { error: { code: string; nextStep?: string } }
  t.equal(error.code, 'offline')
  const doctor = await sandbox.cli('doctor')
  t.not(doctor.status, 0)
  t.match(doctor.stdout, /graph\.microsoft\.com/)
})

async function selfSigned(directory: string): Promise<{ key: string; cert: string }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const [keyFile, certFile] = [join(directory, 'impostor.key'), join(directory, 'impostor.pem')]
  await writeFile(keyFile, key, { mode: 0o600 })
  const names = 'DNS:*.sharepoint.com,DNS:login.microsoftonline.com,DNS:graph.microsoft.com'
  const options = ['-x509', '-key', keyFile, '-out', certFile, '-days', '1', '-subj', '/CN=impostor']
  await execute('openssl', ['req', ...options, '-addext', `subjectAltName=${names}`])
  return { key, cert: await readFile(certFile, 'utf8') }
}
