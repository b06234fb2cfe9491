import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { UnsentReport } from '../../src/control/answers.js'
import { openSandbox, type Sandbox } from '../sandbox.js'

interface World {
  readonly tenants: readonly {
    readonly slug: string
    readonly sites: readonly {
      readonly title: string
      readonly libraries: readonly {
        readonly name: string
        readonly driveId: string
        readonly webUrl: string
      }[]
    }[]
  }[]
}

/** An item as the emulator's admin address describes it. */
export interface ItemThere {
  readonly id: string
  readonly kind: 'file' | 'folder' | 'package'
  readonly versions?: number
  readonly children?: readonly string[]
}

interface Deleted {
  readonly path: string
}

/** A library of the demo world that Ann may change, mounted; and how it looks at the other organization. */
export class Ground {
  readonly sandbox: Sandbox
  /** The library, on the drive. */
  readonly path: string
  readonly #drive: string
  readonly #mountPoint: string

  private constructor(sandbox: Sandbox, path: string, drive: string, mountPoint: string) {
    this.sandbox = sandbox
    this.path = path
    this.#drive = drive
    this.#mountPoint = mountPoint
  }

  /** @param mountPoint is made; not below /tmp, where editors make no backups */
  static async open(mountPoint: string): Promise<Ground> {
    await mkdir(mountPoint, { recursive: true })
    const sandbox = await openSandbox()
    try {
      await sandbox.json('sign-in')
      const { tenants } = await sandbox.admin<World>('GET', '/world')
      const site = tenants
        .find(({ slug }) => slug === 'contoso')
        ?.sites.find(({ title }) => title === 'Design')
      const found = site?.libraries.find(({ name }) => name === 'Documents')
      if (found === undefined) throw new Error('the demo world has no such library')
      const { library } = await sandbox.json<{ library: { organization: string; name: string } }>(
        'add',
        found.webUrl,
      )
      await sandbox.json('mount', mountPoint)
      const path = join(mountPoint, library.organization, library.name)
      return new Ground(sandbox, path, found.driveId, mountPoint)
    } catch (failure) {
      await sandbox.close()
      throw failure
    }
  }

  /** @throws when it is not there */
  there(path: string): Promise<ItemThere> {
    return this.sandbox.admin('GET', `/item?${this.#query(path)}`)
  }

  async sha256There(path: string): Promise<string> {
    return (await this.sandbox.admin<{ sha256: string }>('GET', `/sha256?${this.#query(path)}`)).sha256
  }

  bytesThere(path: string): Promise<Buffer> {
    return this.sandbox.adminBytes(`/bytes?${this.#query(path)}`)
  }

  /** What somebody else does. */
  async replaceThere(path: string, text: string): Promise<void> {
    await this.sandbox.admin('POST', '/items', { do: 'replace', drive: this.#drive, path, text })
  }

  /** Paths of what was deleted at the other organization so far. */
  async deletedThere(): Promise<readonly string[]> {
    const { items } = await this.sandbox.admin<{ items: readonly Deleted[] }>(
      'GET',
      `/recycle-bin?drive=${this.#drive}`,
    )
    return items.map(({ path }) => path)
  }

  /** Until everything has been sent, or only what cannot be is left. */
  async sync(): Promise<UnsentReport> {
    const { status, stdout, stderr } = await this.sandbox.cli('sync', '--wait', '--json')
    if (status > 1) throw new Error(`b2bmount sync --wait: ${status} ${stdout}${stderr}`)
    return JSON.parse(stdout) as UnsentReport
  }

  async freeUp(path: string): Promise<void> {
    await this.sandbox.json('free-up', path)
  }

  /** Never throws. */
  async close(): Promise<void> {
    await this.sandbox.close()
    await rmdir(this.#mountPoint).catch(() => undefined)
  }

  #query(path: string): string {
    return new URLSearchParams({ drive: this.#drive, path }).toString()
  }
}
