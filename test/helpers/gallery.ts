import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import { openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import type { ThumbnailsAnswer } from '../../src/control/answers.js'
import type { Config } from '../../src/control/config.js'

const GIVE_UP_AFTER_MILLISECONDS = 60_000

export interface Counters {
  readonly routes: Readonly<Record<string, number>>
  readonly content: { readonly requests: number; readonly bytes: number }
  readonly thumbnails: { readonly requests: number; readonly bytes: number }
}

export interface Gallery {
  readonly sandbox: Sandbox
  readonly driveId: string
  /** The mount point. */
  readonly drive: string
  /** A folder of 200 photos, scans, letters and spreadsheets, none of which is local. */
  readonly folder: string
  /** `~/.cache/thumbnails` */
  readonly thumbnails: string
}

interface World {
  readonly addresses: Readonly<Record<string, string>>
  readonly tenants: readonly {
    readonly sites: readonly { readonly libraries: readonly { name: string; driveId: string }[] }[]
  }[]
}

/** The emulator's showcase, added and mounted; unmounted after the test. Nobody has looked into it. */
export async function openGallery(t: Test, config: Config = {}): Promise<Gallery> {
  const sandbox = await openSandbox()
  t.teardown(() => sandbox.close())
  await mkdir(join(sandbox.home, '.config', 'b2bmount'), { recursive: true })
  await writeFile(join(sandbox.home, '.config', 'b2bmount', 'config.json'), JSON.stringify(config))
  await sandbox.json('sign-in')
  const world = await sandbox.admin<World>('GET', '/world')
  const libraries = world.tenants.flatMap(({ sites }) => sites).flatMap(site => site.libraries)
  const driveId = libraries.find(({ name }) => name === 'Showcase')?.driveId ?? ''
  const { library } = await sandbox.json<{ library: { organization: string; name: string } }>(
    'add',
    world.addresses['tailspin showcase'] ?? 'no such library',
  )
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  await sandbox.json('mount', drive)
  const folder = join(drive, library.organization, library.name, 'Mixed')
  return { sandbox, driveId, drive, folder, thumbnails: join(sandbox.home, '.cache', 'thumbnails') }
}

/** Opens a folder as a file manager does, and waits until its thumbnails are made. */
export async function look({ sandbox, folder }: Gallery): Promise<readonly string[]> {
  const names = await readdir(folder)
  await made(sandbox)
  return names
}

/** Waits until no thumbnails are being made. */
export async function made(sandbox: Sandbox): Promise<ThumbnailsAnswer> {
  const end = Date.now() + GIVE_UP_AFTER_MILLISECONDS
  for (;;) {
    const status = await sandbox.json<ThumbnailsAnswer>('thumbnails', 'status')
    if (status.waiting.folders === 0 || Date.now() > end) return status
    await setTimeout(100)
  }
}

export function counters(sandbox: Sandbox): Promise<Counters> {
  return sandbox.admin<Counters>('GET', '/counters')
}
