import { resolve } from 'node:path'
import { Command } from 'commander'
import type {
  Conflict,
  DaemonStatus,
  HeldDeletions,
  HydrationReport,
  ItemPin,
  ItemState,
  ItemStatus,
  LibraryState,
  LibraryStatus,
  PolicyStatus,
} from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { count, formatAge, formatBytes, sentence, table } from '../format.js'
import type { RunCommand } from '../program.js'
import { heldItems } from './deletions.js'
import { by } from './mount.js'
import { unsentLines } from './sync.js'

export function statusCommand(run: RunCommand): Command {
  return new Command('status')
    .summary('show mounts and libraries, or one file')
    .description(
      'Shows who is signed in, where the drive is mounted and how each library is; or the state of one file or folder of the drive.',
    )
    .argument('[path]', 'a file or folder of the drive')
    .option('--hydrations', 'show which programs have downloaded what, and which were not allowed to')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount status
  b2bmount status ~/B2B/Contoso/'Projects - Documents'/Budget.xlsx
  b2bmount status --hydrations
  b2bmount --json status | jq '.libraries[] | select(.state != "up-to-date")'`,
    )
    .action((path: string | undefined, { hydrations = false }: { hydrations?: boolean }) =>
      run(async session => {
        if (hydrations) {
          if (path !== undefined)
            throw new Fault('usage', '--hydrations is about the whole drive: leave PATH out')
          const report = await session.ask('hydrations', {})
          session.output.answer(report, hydrationLines(report, Date.now()))
        } else if (path === undefined) {
          const status = await session.ask('status', {})
          session.output.answer(status, statusLines(status, Date.now()))
        } else {
          const item = await session.askAbout('item-status', resolve(path), at => ({ path: at }))
          session.output.answer(item, itemLines(item))
        }
      }),
    )
}

export function statusLines(status: DaemonStatus, now: number): readonly string[] {
  const { account, mounts, libraries, policy, unsent, conflicts = [] } = status
  return [
    account === undefined ? 'Not signed in:  b2bmount sign-in' : `Signed in as ${account.username}`,
    ...(mounts.length === 0
      ? ['Not mounted:  b2bmount mount']
      : mounts.map(mount => `Mounted at ${mount.directory}${by(mount)}`)),
    ...(libraries.length === 0
      ? ['Nothing is added yet:  b2bmount add ADDRESS']
      : ['', ...libraryLines(libraries, now)]),
    ...(unsent === undefined || unsent.total === 0 ? [] : ['', ...unsentLines(unsent, now)]),
    ...(conflicts.length === 0 ? [] : ['', ...conflicts.map(each => conflictLine(each, now))]),
    ...(policy === undefined ? [] : policyLines(policy)),
  ]
}

function conflictLine({ at, name, copy }: Conflict, now: number): string {
  return `Both sides had changed ${name}, ${formatAge(now - at)}: it has their version, yours is ${copy}`
}

/** Only what is wrong: `doctor` says the rest. */
function policyLines({ problem, disk, notAdded }: PolicyStatus): readonly string[] {
  const lines = [
    ...(problem === undefined ? [] : [`${sentence(problem.message)} ${problem.nextStep ?? ''}`.trimEnd()]),
    ...(disk === undefined
      ? []
      : [
          `${formatBytes(disk.freeBytes)} are free on the disk of the cache, less than the ` +
            `${formatBytes(disk.leastBytes)} that your administrator wants` +
            (disk.stopsDownloads ? ': nothing is downloaded.' : '.'),
        ]),
    ...notAdded.map(({ name, problem: { message, nextStep = '' } }) =>
      `${name}, which your administrator wants here, could not be added: ${sentence(message)} ${nextStep}`.trimEnd(),
    ),
  ]
  return lines.length === 0 ? [] : ['', ...lines]
}

export function hydrationLines({ hydrations, refusals }: HydrationReport, now: number): readonly string[] {
  const downloads = hydrations.map(({ at, program, path, bytes, verdict }) => [
    formatAge(now - at),
    program,
    formatBytes(bytes),
    verdict === 'full' ? '' : verdict,
    path,
  ])
  const refused = refusals.map(({ at, program, path, count: times, verdict }) => [
    formatAge(now - at),
    program,
    count(times, 'time'),
    verdict,
    `last: ${path}`,
  ])
  return [
    ...(downloads.length === 0 ? ['Nothing was downloaded.'] : ['Downloaded:', ...table(downloads)]),
    ...(refused.length === 0 ? [] : ['', 'Not allowed to download:', ...table(refused)]),
  ]
}

const LIBRARY_STATE: Readonly<Record<LibraryState, string>> = {
  listing: 'listing …',
  'up-to-date': 'up to date',
  offline: 'offline',
  'sign-in-needed': 'sign-in needed',
  'access-removed': 'access removed',
  'blocked-by-policy': 'blocked by policy',
  'needs-attention': 'needs attention',
}

function libraryLines(libraries: readonly LibraryStatus[], now: number): readonly string[] {
  const rows = table(
    libraries.map(({ organization, name, state, items, localBytes, checked }) => [
      `${organization}/${name}`,
      LIBRARY_STATE[state],
      count(items, 'item'),
      `${formatBytes(localBytes)} local`,
      checked === undefined ? '' : `checked ${formatAge(now - checked)}`,
    ]),
  )
  return libraries.flatMap(({ id, organization, problem, heldDeletions, ownDeletions }, i) => [
    rows[i] ?? '',
    ...(problem === undefined
      ? []
      : [`    ${sentence(problem.message)} ${problem.nextStep ?? ''}`.trimEnd()]),
    ...(heldDeletions === undefined ? [] : heldLines(id, organization, heldDeletions)),
    ...(ownDeletions === undefined ? [] : ownDeletionLines(id, organization, ownDeletions)),
  ])
}

function heldLines(id: number, organization: string, held: HeldDeletions): readonly string[] {
  return [
    `    ${organization} has deleted ${heldItems(held)} at once. They are still shown. To remove them:  b2bmount deletions accept ${id}`,
    `    To keep them, as far as they are on this machine:  b2bmount deletions reject ${id}`,
  ]
}

function ownDeletionLines(id: number, organization: string, items: number): readonly string[] {
  return [
    `    You have deleted ${count(items, 'item')} at once. ${organization} has them still. To delete them there, too:  b2bmount deletions accept ${id}`,
    `    To have them back:  b2bmount deletions reject ${id}`,
  ]
}

const ITEM_STATE: Readonly<Record<ItemState, string>> = {
  'online-only': 'Online-only',
  'partly-local': 'Partly local',
  'locally-available': 'Locally available',
  'always-available': 'Always available',
  syncing: 'Syncing: to be always available, and not here yet',
  attention: 'Needs attention: to be always available, and could not be downloaded',
}

const ITEM_PIN: Readonly<Record<ItemPin, string>> = {
  'always-local': 'always on this machine',
  'online-only': 'online-only when not in use',
  unspecified: '',
}

export function itemLines(item: ItemStatus): readonly string[] {
  const { path, kind, state, pin, size, localBytes, modified, library, webUrl } = item
  const local = kind === 'file' && state === 'partly-local' ? `, ${formatBytes(localBytes)} of it here` : ''
  return table([
    ['Path', path],
    ...(state === undefined ? [] : [['State', ITEM_STATE[state]]]),
    ...(pin === 'unspecified' ? [] : [['Wanted', ITEM_PIN[pin]]]),
    ...(kind === 'file' ? [['Size', `${formatBytes(size)}${local}`]] : []),
    ['Modified', new Date(modified).toLocaleString()],
    ...(library === undefined ? [] : [['Library', `${library.organization}/${library.name}`]]),
    ...(webUrl === undefined ? [] : [['Address', webUrl]]),
  ])
}
