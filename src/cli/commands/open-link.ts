import { resolve } from 'node:path'
import { Command } from 'commander'
import type { AddedLibrary } from '../../control/answers.js'
import { Fault, isFault } from '../../model/fault.js'
import { askInDialog } from '../dialog.js'
import { sentence } from '../format.js'
import { notify } from '../notification.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'
import { driveDirectory } from './desktop.js'

/** Not signed in, then asked for more by the organization: whoever needs a third time needs something else. */
const MOST_SIGN_INS = 2

export function openLinkCommand(run: RunCommand): Command {
  return new Command('open-link')
    .summary("what the browser's Sync button runs")
    .description(
      'Adds the library of an odopen:// address, signing in where that is needed, and mounts the drive. Says in a notification what came of it.\n\n' +
        'Any web page can make the browser offer this. Therefore an organization of which nothing has been added yet is asked about first, before it learns anything.',
    )
    .argument('<address>', 'odopen://sync?…')
    .option('--drive <dir>', 'where to mount the drive if it is not mounted (default: ~/B2B)')
    .action((address: string, { drive }: { drive?: string }) =>
      run(async session => {
        try {
          await openLink(session, address, drive)
        } catch (failure) {
          // Whoever has just said no needs not be told.
          if (failure instanceof Fault && failure.code !== 'cancelled') notify(session, failure)
          throw failure
        }
      }),
    )
}

async function openLink(session: Session, address: string, drive: string | undefined): Promise<void> {
  const { host, isKnown } = await session.ask('link-host', { address })
  if (!isKnown) await confirm(session, host)
  const added = await add(session, address, host)
  const directory = drive === undefined ? await driveDirectory(session) : resolve(drive)
  const { mounts } = await session.ask('status', {})
  const mount = mounts[0] ?? (await session.ask('mount', { directory }))
  const message =
    added === undefined
      ? 'This library is on your drive already'
      : `Added ${added.library.organization}/${added.library.name}`
  const nextStep = [`Your drive is at ${mount.directory}.`, ...(added?.notes ?? [])].join(' ')
  notify(session, { message, nextStep })
  session.output.answer(
    { ...(added && { library: added.library }), notes: added?.notes ?? [], directory: mount.directory },
    [`${message}.`, nextStep],
  )
}

/** Only the host is shown: whatever else the address says, somebody else has written. */
async function confirm(session: Session, host: string): Promise<void> {
  const text = `A web page wants to add a library of ${host} to your drive.\n\nAdd it only if you have just clicked on Sync there.`
  const answer = await askInDialog(session, { text, yes: 'Add' })
  if (answer === true) return
  if (answer === false) throw new Fault('cancelled', `Nothing of ${host} was added`)
  throw new Fault('not-supported', `Nothing of ${host} was added before, and no program here can ask you`, {
    nextStep: "To add it, copy the library's address from your browser and run:  b2bmount add ADDRESS",
  })
}

/** `undefined`: it is there already. */
async function add(session: Session, address: string, host: string): Promise<AddedLibrary | undefined> {
  for (let signIns = 0; ; signIns++) {
    try {
      return await session.ask('add', { address })
    } catch (failure) {
      if (isFault(failure, 'already-added')) return undefined
      if (signIns === MOST_SIGN_INS || !isFault(failure, 'not-signed-in', 'sign-in-required')) throw failure
      const nextStep = 'Sign in with the browser that opens now.'
      notify(session, { message: failure.message, nextStep })
      session.output.note(sentence(failure.message), nextStep)
      const organization = isFault(failure, 'sign-in-required') ? { organization: host } : {}
      await session.ask('sign-in', { deviceCode: false, ...organization })
    }
  }
}
