import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEMO_USER, openSandbox, type Sandbox } from '../sandbox.js'

/** As a world file has it (docs/EMULATOR.md). */
export interface GuestLibrary {
  readonly name: string
  readonly populate: 'team' | 'deep'
  readonly items?: number
}

export interface GuestSandbox {
  readonly sandbox: Sandbox
  /** Where the library with this name is to be added from. */
  readonly addressOf: (name: string) => string
}

/** A sandbox whose user has signed in and is the guest of one other organization, which has these libraries on one site. */
export async function openGuestSandbox(libraries: readonly GuestLibrary[]): Promise<GuestSandbox> {
  const world = {
    tenants: [
      { slug: 'fabrikam', displayName: 'Fabrikam', members: [['ann', 'Ann']] },
      {
        slug: 'contoso',
        displayName: 'Contoso',
        guests: [DEMO_USER],
        sites: [{ name: 'Shared', grants: [{ user: DEMO_USER, role: 'read' }], libraries }],
      },
    ],
  }
  const file = join(tmpdir(), `b2bmount-bench-${process.pid}.json`)
  await writeFile(file, JSON.stringify(world))
  // The emulator has read it when it is ready.
  const sandbox = await openSandbox({ emulator: ['--world', file] }).finally(() => rm(file))
  try {
    await sandbox.json('sign-in')
    const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
    return { sandbox, addressOf: name => addresses[`contoso Shared ${name}`] ?? 'no such library' }
  } catch (failure) {
    await sandbox.close()
    throw failure
  }
}
