import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import type { UnsentReport } from '../../src/control/answers.js'

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

/** As the emulator's admin address describes it. */
export interface ItemThere {
  readonly id: string
  readonly name: string
  readonly size: number
  readonly modified: number
  readonly versions?: number
  readonly children?: readonly string[]
}

/** A library that the other organization lets its guest change, on a mounted drive; and how it looks over there. */
export class WritableLibrary {
  readonly sandbox: Sandbox
  /** The mount point. */
  readonly drive: string
  /** The library, on the drive. */
  readonly path: string
  readonly driveId: string

  constructor(sandbox: Sandbox, drive: string, path: string, driveId: string) {
    this.sandbox = sandbox
    this.drive = drive
    this.path = path
    this.driveId = driveId
  }

  /** @param path below the library */
  on(...path: string[]): string {
    return join(this.path, ...path)
  }

  /** @throws when it is not there */
  there(path: string): Promise<ItemThere> {
    return this.sandbox.admin('GET', `/item?drive=${this.driveId}&path=${encodeURIComponent(path)}`)
  }

  bytesThere(path: string): Promise<Buffer> {
    return this.sandbox.adminBytes(`/bytes?drive=${this.driveId}&path=${encodeURIComponent(path)}`)
  }

  /** What other people do. */
  edit(change: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.sandbox.admin('POST', '/items', { drive: this.driveId, ...change })
  }

  /** Until everything has been sent, or only what cannot be is left. */
  async sync(): Promise<UnsentReport> {
    const { status, stdout, stderr } = await this.sandbox.cli('sync', '--wait', '--json')
    if (status > 1) throw new Error(`b2bmount sync --wait: ${status} ${stdout}${stderr}`)
    return JSON.parse(stdout) as UnsentReport
  }
}

/** The demo world's library of documents, which Ann may change; unmounted after the test. */
export async function mountWritable(t: Test, options: readonly string[] = []): Promise<WritableLibrary> {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  await sandbox.json('sign-in')
  const { tenants } = await sandbox.admin<World>('GET', '/world')
  const found = tenants
    .find(({ slug }) => slug === 'contoso')
    ?.sites.find(({ title }) => title === 'Design')
    ?.libraries.find(({ name }) => name === 'Documents')
  if (found === undefined) throw new Error('the demo world has no such library')
  const { library } = await sandbox.json<{ library: { organization: string; name: string } }>(
    'add',
    found.webUrl,
  )
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  await sandbox.json('mount', drive, ...options)
  return new WritableLibrary(sandbox, drive, join(drive, library.organization, library.name), found.driveId)
}
