import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Test } from 'tap'
import { openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import type { UnsentReport } from '../../src/control/answers.js'

interface World {
  readonly tenants: readonly {
    readonly slug: string
    readonly sites: readonly SiteThere[]
  }[]
}

interface SiteThere {
  readonly id: string
  readonly title: string
  readonly libraries: readonly {
    readonly name: string
    readonly driveId: string
    readonly webUrl: string
  }[]
}

/** As the emulator's admin address describes it. */
export interface ItemThere {
  readonly id: string
  readonly name: string
  readonly kind: 'file' | 'folder' | 'package'
  readonly size: number
  readonly modified: number
  readonly versions?: number
  readonly children?: readonly string[]
}

/** Of a folder's files, by their path in it, what is in them; of its folders `null`. */
export type Texts = Readonly<Record<string, string | null>>

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

  /** What is in a folder, as the drive shows it. */
  async texts(folder: string): Promise<Texts> {
    const texts: Record<string, string | null> = {}
    for (const entry of await readdir(this.on(folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      texts[relative(this.on(folder), path)] = entry.isFile() ? await readFile(path, 'utf8') : null
    }
    return texts
  }

  /** What is in a folder at the other organization. */
  async textsThere(folder: string): Promise<Texts> {
    const texts: Record<string, string | null> = {}
    for (const name of (await this.there(folder)).children ?? []) {
      const path = `${folder}/${name}`
      const isFile = (await this.there(path)).kind === 'file'
      texts[name] = isFile ? (await this.bytesThere(path)).toString() : null
      if (isFile) continue
      for (const [below, text] of Object.entries(await this.textsThere(path)))
        texts[`${name}/${below}`] = text
    }
    return texts
  }

  /** Until everything has been sent, or only what cannot be is left. */
  async sync(): Promise<UnsentReport> {
    const { status, stdout, stderr } = await this.sandbox.cli('sync', '--wait', '--json')
    if (status > 1) throw new Error(`b2bmount sync --wait: ${status} ${stdout}${stderr}`)
    return JSON.parse(stdout) as UnsentReport
  }
}

const ORGANIZATION = 'contoso'
const SITE = 'Design'

/**
 * The demo world's library of documents, which Ann may change; unmounted after the test.
 *
 * @param options for `b2bmount mount`
 * @param program another one than `b2bmount`
 */
export async function mountWritable(
  t: Test,
  options: readonly string[] = [],
  program?: string,
): Promise<WritableLibrary> {
  const sandbox = await openSandbox(program === undefined ? {} : { program })
  t.teardown(() => sandbox.close())
  return await mountIn(sandbox, options)
}

/** The same library on the machine of somebody else, whom the other organization lets change it, too. */
export async function mountBeside(
  t: Test,
  { sandbox: first }: WritableLibrary,
  user: string,
): Promise<WritableLibrary> {
  const { id } = await siteOf(first)
  const person = { tenant: ORGANIZATION, user }
  await first.admin('POST', '/people', { do: 'invite', ...person })
  await first.admin('POST', '/people', { do: 'grant', ...person, site: id, role: 'write' })
  const sandbox = await openSandbox({ cloud: first.cloud, user })
  t.teardown(() => sandbox.close())
  return await mountIn(sandbox, [])
}

async function mountIn(sandbox: Sandbox, options: readonly string[]): Promise<WritableLibrary> {
  await sandbox.json('sign-in')
  const found = (await siteOf(sandbox)).libraries.find(({ name }) => name === 'Documents')
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

async function siteOf(sandbox: Sandbox): Promise<SiteThere> {
  const { tenants } = await sandbox.admin<World>('GET', '/world')
  const found = tenants.find(({ slug }) => slug === ORGANIZATION)?.sites.find(({ title }) => title === SITE)
  if (found === undefined) throw new Error('the demo world has no such site')
  return found
}
