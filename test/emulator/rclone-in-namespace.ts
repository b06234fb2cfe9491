/**
 * Runs inside a mount and network namespace of its own (see rclone.test.ts): the real host names
 * lead to an emulator on port 443. Prints what rclone answered, as JSON.
 */
import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.js'
import { signInAsPerson } from '../../src/emulator/person.js'

const run = promisify(execFile)
const LIMIT = { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }

async function main(directory: string): Promise<void> {
  await run('ip', ['link', 'set', 'lo', 'up'], LIMIT)
  const emulator = await startEmulator({ directory: join(directory, 'emulator'), port: 443 })
  try {
    await bindHosts(directory, emulator)
    const drive = emulator.world.sites.find(site => site.path === '/sites/Design')?.libraries[0]
    const token = await authorize(emulator)
    const config = join(directory, 'rclone.conf')
    const tenant = 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0'
    writeFileSync(
      config,
      [
        '[contoso]',
        'type = onedrive',
        `drive_id = ${drive?.id ?? ''}`,
        'drive_type = documentLibrary',
        `auth_url = ${tenant}/authorize`,
        `token_url = ${tenant}/token`,
        `token = ${token}`,
        '',
      ].join('\n'),
      { mode: 0o600 },
    )
    const env = environment(emulator)
    const rclone = async (...args: string[]) =>
      (await run('rclone', ['--config', config, '--retries', '1', ...args], { ...LIMIT, env })).stdout
    const copy = join(directory, 'copy')
    mkdirSync(copy)
    const listing = await rclone('lsf', '-R', '--format', 'ps', '--files-only', 'contoso:')
    const text = await rclone('cat', 'contoso:Read me first.txt')
    const tail = await rclone('cat', '--offset', '8', '--count', '4', 'contoso:Read me first.txt')
    await rclone('copy', 'contoso:', copy)
    const checked = await run('rclone', ['--config', config, 'check', '-v', 'contoso:', copy], {
      ...LIMIT,
      env,
    })

    // Debian's rclone signs its fragments too; the service may let that pass.
    if (drive) drive.rules.refuseAuthorizedFragments = false
    const written = await change(directory, rclone, (...args) =>
      run('rclone', ['--config', config, ...args], { ...LIMIT, env }).then(({ stderr }) => stderr),
    )

    // rclone goes by its own clock: a token that it thinks is old must be refreshed at the resource tenant.
    emulator.world.clock.advance(2 * 3600 * 1000)
    const old = readFileSync(config, 'utf8').replace(/"expiry":"[^"]*"/, '"expiry":"2020-01-01T00:00:00Z"')
    writeFileSync(config, old)
    const later = await rclone('lsf', 'contoso:Photos')
    process.stdout.write(
      JSON.stringify({
        listing: listing.split('\n').filter(line => line !== ''),
        text,
        tail,
        copied: Object.fromEntries(walk(copy).map(path => [path, sha256(join(copy, path))])),
        check: checked.stderr,
        written,
        later: later.split('\n').filter(line => line !== ''),
        routes: emulator.counters.report().routes,
      }) + '\n',
    )
  } finally {
    await emulator.close()
  }
}

/** Makes, overwrites, moves and deletes, the large file by an upload session; then both sides must be the same. */
async function change(
  directory: string,
  rclone: (...args: string[]) => Promise<string>,
  errorsOf: (...args: string[]) => Promise<string>,
) {
  const local = join(directory, 'local')
  mkdirSync(join(local, 'sub'), { recursive: true })
  writeFileSync(join(local, 'large.bin'), randomBytes(30 * 1024 * 1024))
  writeFileSync(join(local, 'sub', 'empty.txt'), '')
  writeFileSync(join(local, 'sub', 'a % #.txt'), 'small')
  const there = 'contoso:From rclone'
  await rclone('mkdir', `${there}/nothing in it`)
  await rclone('copy', local, there)
  writeFileSync(join(local, 'large.bin'), randomBytes(12 * 1024 * 1024 + 1))
  await rclone('copyto', join(local, 'large.bin'), `${there}/large.bin`)
  await rclone('moveto', `${there}/sub/a % #.txt`, `${there}/Moved.txt`)
  await rclone('moveto', `${there}/Moved.txt`, `${there}/sub/MOVED.txt`)
  renameSync(join(local, 'sub', 'a % #.txt'), join(local, 'sub', 'MOVED.txt'))
  await rclone('copyto', join(local, 'sub', 'MOVED.txt'), `${there}/short-lived.txt`)
  await rclone('deletefile', `${there}/short-lived.txt`)
  await rclone('rmdir', `${there}/nothing in it`)
  return {
    listing: (await rclone('lsf', '-R', there)).split('\n').filter(line => line !== ''),
    check: await errorsOf('check', '-v', local, there),
  }
}

/** Only this mount namespace sees it. */
async function bindHosts(directory: string, emulator: Emulator): Promise<void> {
  const hosts = emulator.world.tenants.flatMap(tenant => [tenant.sharePointHost, tenant.oneDriveHost])
  const names = ['localhost', 'login.microsoftonline.com', 'graph.microsoft.com', ...hosts]
  const file = join(directory, 'hosts')
  writeFileSync(file, names.map(name => `127.0.0.1 ${name}\n`).join(''))
  await run('mount', ['--bind', file, '/etc/hosts'], LIMIT)
}

/** rclone's own sign-in, with a person at the browser: Ann, as a guest of Contoso. */
async function authorize(emulator: Emulator): Promise<string> {
  const tenant = 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0'
  const child = spawn('rclone', ['authorize', 'onedrive', '--auth-no-open-browser'], {
    env: {
      ...environment(emulator),
      RCLONE_ONEDRIVE_AUTH_URL: `${tenant}/authorize`,
      RCLONE_ONEDRIVE_TOKEN_URL: `${tenant}/token`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT.timeout,
  })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  for await (const line of createInterface(child.stderr)) {
    const url = /http:\/\/127\.0\.0\.1:53682\/auth\?\S+/.exec(line)?.[0]
    if (url === undefined) continue
    await signInAsPerson(url, { cloudFile: emulator.cloudFile, account: 'ann@fabrikam.example' })
    break
  }
  await new Promise(resolve => child.once('close', resolve))
  const token = /\{"access_token".*\}/.exec(printed)?.[0]
  if (token === undefined) throw new Error('rclone authorize printed no token')
  return token
}

function environment(emulator: Emulator): NodeJS.ProcessEnv {
  return { ...process.env, SSL_CERT_FILE: emulator.caFile }
}

function walk(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

await main(process.argv[2] ?? '')
