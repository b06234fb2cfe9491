import { resolve } from 'node:path'
import { Command } from 'commander'
import type {
  Conflict,
  DaemonStatus,
  HydrationReport,
  ItemPin,
  ItemState,
  ItemStatus,
  LibraryState,
  LibraryStatus,
  PolicyStatus,
  Problem,
} from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { count, formatAge, formatBytes, problemText, sentence, table } from '../format.js'
import type { RunCommand } from '../program.js'
import { heldLines, notDeletedLine, ownDeletionLines } from './deletions.js'
import { mountLines } from './mount.js'
import { CHANGE, sendingState, unsentLines } from './sync.js'

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
          session.output.answer(item, itemLines(item, Date.now()))
        }
      }),
    )
}

export function statusLines(status: DaemonStatus, now: number): readonly string[] {
  const { account, mounts, libraries, policy, unsent, conflicts = [], notDeleted = [] } = status
  return [
    account === undefined ? 'Not signed in:  b2bmount sign-in' : `Signed in as ${account.username}`,
    ...(mounts.length === 0 ? ['Not mounted:  b2bmount mount'] : mounts.flatMap(mount => mountLines(mount))),
    ...(libraries.length === 0
      ? ['Nothing is added yet:  b2bmount add ADDRESS']
      : ['', ...libraryLines(libraries, now)]),
    ...(unsent === undefined || unsent.total === 0 ? [] : ['', ...unsentLines(unsent, now)]),
    ...(conflicts.length === 0 ? [] : ['', ...conflicts.map(each => conflictLine(each, now))]),
    ...(notDeleted.length === 0 ? [] : ['', ...notDeleted.map(each => notDeletedLine(each, now))]),
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
    libraries.map(({ organization, name, state, access, items, localBytes, checked }) => [
      `${organization}/${name}`,
      `${LIBRARY_STATE[state]}${access === 'read' ? ', read only' : ''}`,
      count(items, 'item'),
      `${formatBytes(localBytes)} local`,
      checked === undefined ? '' : `checked ${formatAge(now - checked)}`,
    ]),
  )
  return libraries.flatMap(({ id, organization, problem, heldDeletions, ownDeletions, failedPins }, i) => [
    rows[i] ?? '',
    ...(problem === undefined
      ? []
      : [`    ${sentence(problem.message)} ${problem.nextStep ?? ''}`.trimEnd()]),
    ...(failedPins === undefined
      ? []
      : [
          `    To be always on this machine, and could not be downloaded: ${count(failedPins.items, 'item')}. ${problemText(failedPins.problem)}`,
        ]),
    ...(heldDeletions === undefined ? [] : heldLines(id, organization, heldDeletions)),
    ...(ownDeletions === undefined ? [] : ownDeletionLines(id, organization, ownDeletions)),
  ])
}

const ITEM_STATE: Readonly<Record<ItemState, string>> = {
  'online-only': 'Online-only',
  'partly-local': 'Partly local',
  'locally-available': 'Locally available',
  'always-available': 'Always available',
  syncing: 'Syncing',
  attention: 'Needs attention',
}

/** With what the state is about: an upload, or a download for a pin. */
function stateText({ kind, state, unsent, problem }: ItemStatus & { readonly state: ItemState }): string {
  const text = ITEM_STATE[state]
  if (state !== 'syncing' && state !== 'attention') return text
  if (unsent !== undefined) {
    const what = kind === 'file' ? 'changed here, and' : 'something in it was changed here, and'
    return `${text}: ${what} ${unsent.problem === undefined ? 'not sent yet' : 'could not be sent'}`
  }
  if (state === 'attention' || problem !== undefined)
    return `${text}: to be always available, and could not be downloaded`
  return `${text}: to be always available, and not here yet`
}

const ITEM_PIN: Readonly<Record<ItemPin, string>> = {
  'always-local': 'always on this machine',
  'online-only': 'online-only when not in use',
  unspecified: '',
}

export function itemLines(item: ItemStatus, now: number): readonly string[] {
  const { path, kind, state, pin, size, localBytes, modified, library, webUrl } = item
  const local = kind === 'file' && state === 'partly-local' ? `, ${formatBytes(localBytes)} of it here` : ''
  return table([
    ['Path', path],
    ...(state === undefined ? [] : [['State', stateText({ ...item, state })]]),
    ...reasonRows(item, now),
    ...(pin === 'unspecified' ? [] : [['Wanted', ITEM_PIN[pin]]]),
    ...(kind === 'file' ? [['Size', `${formatBytes(size)}${local}`]] : []),
    ['Modified', new Date(modified).toLocaleString()],
    ...(library === undefined ? [] : [['Library', `${library.organization}/${library.name}`]]),
    ...(webUrl === undefined ? [] : [['Address', webUrl]]),
  ])
}

/** Why it is so, and what can be done. */
function reasonRows(item: ItemStatus, now: number): readonly (readonly string[])[] {
  const { path, unsent, unsentIn = 0, problem, problemAt, notDeleted } = item
  const at = (place: string | undefined) => (place === undefined || place === path ? '' : `, ${place}`)
  return [
    ...(unsent === undefined
      ? []
      : [
          ['Unsent', `${CHANGE[unsent.change]}, ${sendingState(unsent, now)}${at(unsent.path)}`],
          ...(unsentIn > 1 ? [['', `and ${count(unsentIn - 1, 'change')} more`]] : []),
          ...problemRows(unsent.problem),
        ]),
    ...(problemAt === undefined ? [] : [['Missing', problemAt]]),
    ...problemRows(problem),
    ...(notDeleted === undefined
      ? []
      : [
          ['Deleted', `${formatAge(now - notDeleted.at)}, and here again`],
          ...problemRows(notDeleted.problem),
        ]),
  ]
}

function problemRows(problem: Problem | undefined): readonly (readonly string[])[] {
  if (problem === undefined) return []
  const { message, nextStep } = problem
  return [['Reason', sentence(message)], ...(nextStep === undefined ? [] : [['Next', nextStep]])]
}
