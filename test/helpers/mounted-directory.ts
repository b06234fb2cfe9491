import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import type { AddedLibrary } from '../../src/control/answers.js'

interface World {
  readonly addresses: Readonly<Record<string, string>>
}

export interface MountedDirectory {
  readonly sandbox: Sandbox
  /** A directory of this machine that Contoso shares as the library Projects. */
  readonly source: string
  /** The mount point. */
  readonly drive: string
  /** The same library, on the drive. */
  readonly library: string
  readonly driveId: string
}

export interface MountedDirectories {
  readonly sandbox: Sandbox
  /** The mount point. */
  readonly drive: string
  /** On the drive, in the order of the sources. */
  readonly libraries: readonly { readonly path: string; readonly driveId: string }[]
}

/** A temporary directory that ends with the test. */
export async function temporaryDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'b2b-test-'))
  t.teardown(async () => {
    // Copies of read-only folders cannot be emptied by their owner.
    await promisify(execFile)('chmod', ['-R', 'u+w', directory])
    await rm(directory, { recursive: true, force: true })
  })
  return directory
}

/**
 * An emulator, the signed-in demo user, and one library filled by `fill`: added, mounted, unmounted after the test.
 *
 * @param options for `b2bmount mount`
 * @param program another copy of the program than this one
 */
export async function mountDirectory(
  t: Test,
  fill: (directory: string) => Promise<void>,
  options: readonly string[] = [],
  program?: string,
): Promise<MountedDirectory> {
  const source = await temporaryDirectory(t)
  await fill(source)
  const { sandbox, drive, libraries } = await mountDirectories(t, { contoso: source }, options, program)
  const [mounted] = libraries
  if (mounted === undefined) throw new Error('nothing was added')
  return { sandbox, source, drive, library: mounted.path, driveId: mounted.driveId }
}

/**
 * The same of several organizations.
 *
 * @param sources a directory by the organization's name in the emulator, which shares it as the library Projects
 */
export async function mountDirectories(
  t: Test,
  sources: Readonly<Record<string, string>>,
  options: readonly string[] = [],
  program?: string,
): Promise<MountedDirectories> {
  const sandbox = await openSandbox({
    emulator: Object.entries(sources).flatMap(([slug, source]) => [
      '--library',
      `${slug}/Projects=${source}`,
    ]),
    ...(program === undefined ? {} : { program }),
  })
  t.teardown(() => sandbox.close())
  await sandbox.json('sign-in')
  const { addresses } = await sandbox.admin<World>('GET', '/world')
  const drive = join(sandbox.home, 'B2B')
  await mkdir(drive)
  const libraries: { readonly path: string; readonly driveId: string }[] = []
  for (const slug of Object.keys(sources)) {
    const { library } = await sandbox.json<AddedLibrary>('add', addresses[`${slug} projects`] ?? slug)
    const { organization, name, root } = library
    libraries.push({ path: join(drive, organization, name), driveId: root.drive })
  }
  await sandbox.json('mount', drive, ...options)
  return { sandbox, drive, libraries }
}
