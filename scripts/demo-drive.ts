import { chmod, mkdir, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AddedLibrary, LibraryStatus, Mount } from '../src/control/answers.js'
import { shellQuote } from '../src/control/shell-quote.js'
import { detachMount } from '../src/daemon/mount-probe.js'
import { readMountTable } from '../src/daemon/mount-table.js'
import { openSandbox, type Sandbox } from './sandbox.js'

const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))

/** Three organizations, each sharing at another level; names of addresses in the emulator's world. */
const SHARED_WITH_ANN = [
  // Site level, large files.
  'contoso media',
  // Library level, read-only, all kinds of documents.
  'northwind catalogue link',
  // Folder level.
  'tailspin folder link',
] as const

interface World {
  readonly addresses: Readonly<Record<string, string>>
}

/** Everything a new user does, done: signed in, three libraries added, mounted. */
export interface DemoDrive {
  readonly directory: string
  readonly sandbox: Sandbox
  readonly libraries: readonly LibraryStatus[]
  /** A shell command that is `b2bmount` for this drive. */
  readonly command: string
  /** Unmounts, ends emulator and daemon, removes everything. Never throws. */
  close(): Promise<void>
}

/** @param say is told each step before it is done */
export async function openDemoDrive(mountPoint: string, say: (step: string) => void): Promise<DemoDrive> {
  const directory = resolve(mountPoint)
  // By ourselves, to know what to remove afterwards.
  const firstCreated = await mkdir(directory, { recursive: true })
  say('Starting a small Microsoft 365 on this machine')
  const removeCreated = async () => {
    if (firstCreated !== undefined) await removeEmpty(directory, firstCreated)
  }
  const sandbox = await openSandbox().catch(async (failure: unknown) => {
    await removeCreated()
    throw failure
  })
  const close = async () => {
    await sandbox.close()
    await detach(directory)
    await removeCreated()
  }
  try {
    say('b2bmount sign-in')
    await sandbox.json('sign-in')
    const { addresses } = await sandbox.admin<World>('GET', '/world')
    for (const name of SHARED_WITH_ANN) {
      const address = addresses[name]
      if (address === undefined) throw new Error(`the emulator's world has no address "${name}"`)
      say(`b2bmount add ${shellQuote(address)}`)
      await sandbox.json<AddedLibrary>('add', address)
    }
    say(`b2bmount mount ${shellQuote(directory)}`)
    await sandbox.json<Mount>('mount', directory)
    const libraries = await sandbox.json<LibraryStatus[]>('list')
    return { directory, sandbox, libraries, command: await writeCommand(sandbox), close }
  } catch (failure) {
    await close()
    throw failure
  }
}

async function writeCommand({ home, env }: Sandbox): Promise<string> {
  const command = join(home, 'b2bmount')
  const variables = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || name === 'PATH' ? [] : [`${name}=${shellQuote(value)}`],
  )
  await writeFile(
    command,
    `#!/bin/sh\nexec env ${variables.join(' ')} ${shellQuote(process.execPath)} ${shellQuote(CLI)} "$@"\n`,
  )
  await chmod(command, 0o755)
  return command
}

/** Should the daemon have died: nothing may stay mounted. */
async function detach(directory: string): Promise<void> {
  const mounted = (await readMountTable()).some(({ mountPoint }) => mountPoint === directory)
  if (mounted) await detachMount(directory).catch(() => undefined)
}

/** From `directory` up to `top`. */
async function removeEmpty(directory: string, top: string): Promise<void> {
  try {
    for (let path = directory; path.startsWith(top); path = dirname(path)) await rmdir(path)
  } catch {
    // Somebody has put something there.
  }
}
