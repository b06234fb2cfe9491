import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import type { AddedLibrary, DaemonStatus } from '../../src/control/answers.js'
import { openSandbox, type Sandbox } from '../sandbox.js'
import { run } from './measure.js'

const LONGEST_LISTING_MILLISECONDS = 180_000
export const CLIENT_SOURCE = fileURLToPath(new URL('../../../scripts/bench/client.c', import.meta.url))

interface EmulatedLibrary {
  readonly name: string
  readonly driveId: string
}

interface World {
  readonly addresses: Readonly<Record<string, string>>
  readonly tenants: readonly {
    readonly sites: readonly { readonly libraries: readonly EmulatedLibrary[] }[]
  }[]
}

/** What is measured: a mounted drive with the emulator's large files and its tree of 100,000 items. */
export class Subject {
  readonly sandbox: Sandbox
  readonly directory: string
  /** Folder of the large files. */
  readonly media: string
  /** The tree of 100,000 items. */
  readonly tree: string
  /** Compiled `client.c`. */
  readonly client: string
  /** The emulator's id of the library with the large files. */
  readonly mediaDrive: string

  private constructor(sandbox: Sandbox, media: string, tree: string, client: string, mediaDrive: string) {
    this.sandbox = sandbox
    this.directory = join(sandbox.home, 'B2B')
    this.media = join(this.directory, media)
    this.tree = join(this.directory, tree)
    this.client = client
    this.mediaDrive = mediaDrive
  }

  static async open(): Promise<Subject> {
    const sandbox = await openSandbox()
    try {
      const client = join(sandbox.home, 'client')
      await promisify(execFile)('cc', ['-O2', '-o', client, CLIENT_SOURCE])
      await sandbox.json('sign-in')
      const world = await sandbox.admin<World>('GET', '/world')
      const add = async (name: string) => {
        const { library } = await sandbox.json<AddedLibrary>('add', world.addresses[name] ?? name)
        return `${library.organization}/${library.name}`
      }
      const media = await add('contoso media')
      const tree = await add('tailspin hundred thousand')
      const drives = world.tenants.flatMap(tenant => tenant.sites).flatMap(site => site.libraries)
      const mediaDrive = drives.find(drive => drive.name === 'Media')?.driveId ?? 'no library Media'
      const subject = new Subject(sandbox, media, tree, client, mediaDrive)
      await mkdir(subject.directory)
      await subject.mount()
      return subject
    } catch (failure) {
      await sandbox.close()
      throw failure
    }
  }

  async mount(): Promise<void> {
    await this.sandbox.json('mount', this.directory)
  }

  /** Ends the daemon and starts it again: the kernel knows nothing, the store everything. */
  async restart(): Promise<void> {
    await this.sandbox.json('stop')
    await this.mount()
  }

  /** Waits until every library has been listed. */
  async listed(): Promise<void> {
    const end = Date.now() + LONGEST_LISTING_MILLISECONDS
    while ((await this.status()).libraries.some(({ state }) => state === 'listing')) {
      if (Date.now() > end) throw new Error('the libraries are not listed in time')
      await setTimeout(200)
    }
  }

  status(): Promise<DaemonStatus> {
    return this.sandbox.json<DaemonStatus>('status')
  }

  /**
   * A virtual machine gives free memory back to its host, and getting it again costs ten times what using it costs:
   * whoever writes to the page cache first after a pause would pay for all.
   */
  async warmMemory(): Promise<void> {
    const available = /^MemAvailable:\s*(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1]
    const free = Number(available) / 1024
    await run(this.client, 'warm', String(Math.floor(Math.min(8 * 1024, free / 2))))
  }

  /** Resident memory of the daemon now, in bytes. */
  async residentBytes(): Promise<number> {
    const { pid } = await this.status()
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1]) * 1024
  }

  /** A pre-authenticated URL of a large file, as curl arguments that lead to the emulator. */
  async curlArguments(name: string): Promise<string[]> {
    const query = new URLSearchParams({ drive: this.mediaDrive, path: `/${name}` })
    const { url } = await this.sandbox.admin<{ url: string }>('GET', `/download-url?${query.toString()}`)
    return [...(await this.curlTrust()), url]
  }

  /** Arguments by which curl reaches the emulator under every host. */
  async curlTrust(): Promise<string[]> {
    const { connectTo, caFile } = JSON.parse(await readFile(this.sandbox.cloudFile, 'utf8')) as {
      connectTo: { address: string; port: number }
      caFile: string
    }
    const target = `::${connectTo.address}:${connectTo.port}`
    return ['--silent', '--fail', '--cacert', caFile, '--connect-to', target]
  }
}
