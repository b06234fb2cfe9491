import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { userInfo } from 'node:os'
import { lines, withLinesSwapped } from './colliding.js'
import type { ForeignProgram, Trial } from './trial.js'

const TRIES = 100
const BETWEEN_TRIES_MILLISECONDS = 100

/** Serves the drive to Windows machines. */
const samba: ForeignProgram = {
  name: 'Samba',
  needs: ['smbd', 'smbclient'],
  // It becomes whoever asks.
  isForRoot: true,
  work: async trial => {
    const port = await freePort()
    const stop = await serve(trial, port)
    try {
      const client = (commands: string) =>
        trial.run('smbclient', ['//127.0.0.1/drive', '-p', String(port), '-N', '-c', commands], {
          within: trial.scratch,
        })
      await answers(() => client('ls'))
      let text = lines(100)
      await writeFile(trial.beside('plan.txt'), text)
      await client('put plan.txt')
      await trial.settles('put')
      for (const line of [1, 3]) {
        text = withLinesSwapped(text, line)
        await writeFile(trial.beside('plan.txt'), text)
        await client('put plan.txt')
        await trial.settles('put again', { versions: { 'plan.txt': 1 } })
      }
      // As Office saves: the old file is moved away, the new one into its place, the old one deleted.
      text = withLinesSwapped(text, 5)
      await writeFile(trial.beside('plan.txt'), text)
      await client(
        'put plan.txt 5A3F1C20.tmp; rename plan.txt 77AB0001.tmp; rename 5A3F1C20.tmp plan.txt; del 77AB0001.tmp',
      )
      await trial.settles('saved as Office does', { versions: { 'plan.txt': 1 } })
      await client('mkdir folder; rename plan.txt folder\\plan.txt')
      await trial.settles('moved')
      await trial.ground.freeUp(trial.on())
      await client('get folder\\plan.txt back.txt')
      trial.expect((await readFile(trial.beside('back.txt'))).equals(text), 'what came back differs')
    } finally {
      await stop()
    }
  },
}

/** @returns ends the server */
async function serve(trial: Trial, port: number): Promise<() => Promise<void>> {
  const state = trial.beside('samba')
  await mkdir(state)
  const directories = ['lock', 'state', 'cache', 'pid', 'private', 'ncalrpc'].map(name => {
    const setting =
      name === 'private' ? 'private dir' : name === 'ncalrpc' ? 'ncalrpc dir' : `${name} directory`
    return `${setting} = ${state}`
  })
  const { username } = userInfo()
  const configuration = [
    '[global]',
    `smb ports = ${port}`,
    'interfaces = 127.0.0.1',
    'bind interfaces only = yes',
    'server role = standalone server',
    'map to guest = bad user',
    `guest account = ${username}`,
    'disable spoolss = yes',
    'load printers = no',
    ...directories,
    '[drive]',
    `path = ${trial.on()}`,
    'read only = no',
    'guest ok = yes',
    `force user = ${username}`,
    '',
  ].join('\n')
  await writeFile(trial.beside('smb.conf'), configuration)
  const options = [
    '--foreground',
    '--no-process-group',
    '--debug-stdout',
    `--configfile=${trial.beside('smb.conf')}`,
    `--log-basename=${state}`,
  ]
  const child = spawn('smbd', options, {
    env: trial.environment,
    stdio: ['ignore', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = once(child, 'exit')
  return async () => {
    if (child.pid === undefined || child.exitCode !== null) return
    // With everything that it has started.
    process.kill(-child.pid, 'SIGKILL')
    await gone
  }
}

async function answers(ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await ask()
      return
    } catch (failure) {
      if (tries === TRIES) throw failure
      await new Promise(resolve => setTimeout(resolve, BETWEEN_TRIES_MILLISECONDS))
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export const SAMBA: readonly ForeignProgram[] = [samba]
