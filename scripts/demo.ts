import { parseArgs } from 'node:util'
import { count, formatBytes, table } from '../src/cli/format.js'
import { checkDrive, type CheckRow } from './check-drive.js'
import { openDemoDrive, type DemoDrive } from './demo-drive.js'
import { suggestions } from './demo-suggestions.js'

const USAGE = `Usage: demo [--mount DIR] [--check]

Starts a small Microsoft 365 on this machine, signs in, adds three libraries of three organizations and mounts
them. Touches no real account; Ctrl-C unmounts and leaves nothing behind.

  --mount DIR   where (default: B2B, here)
  --check       read the drive in every way, write, rename and delete, run what it suggests; compare with the
                bytes of the emulator, and exit with 0 or 1
  --help        this text`

/** Long enough for the slowest machine; a check that hangs is a check that fails. */
const CHECK_DEADLINE_MILLISECONDS = 5 * 60_000

const LAST_WORDS = 'Ctrl-C unmounts, and leaves nothing behind.'

/** As shells report a program that SIGINT ended. */
const INTERRUPTED = 130

function row({ what, files, bytes, seconds, problems }: CheckRow): readonly string[] {
  const rate = bytes > 1e6 ? `${formatBytes(bytes / seconds)}/s` : ''
  return [
    problems.length === 0 ? 'ok' : 'WRONG',
    what,
    count(files, 'file'),
    formatBytes(bytes),
    `${seconds.toFixed(2)} s`,
    rate,
  ]
}

async function check(drive: DemoDrive, interrupted: AbortSignal): Promise<boolean> {
  const rows: CheckRow[] = []
  console.log('\nComparing what is read and written through the mount with the bytes of the emulator')
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(CHECK_DEADLINE_MILLISECONDS)])
  const ended = new Promise<'ended'>(resolve => signal.addEventListener('abort', () => resolve('ended')))
  const ok = await Promise.race([checkDrive(drive, done => rows.push(done)), ended])
  console.log(['', ...table(rows.map(row)), ...rows.flatMap(({ problems }) => problems)].join('\n'))
  if (ok === 'ended') console.log('The check was interrupted, or took too long.')
  else console.log(ok ? '\nAll bytes are right.' : '\nSomething is wrong.')
  return ok === true
}

function whatToTry(drive: DemoDrive): string {
  const lines = suggestions(drive).flatMap(({ command, shows }) => [`  ${command}`, `      ${shows}`])
  return ['', `The drive is mounted at ${drive.directory}:`, '', ...lines, '', LAST_WORDS, ''].join('\n')
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      mount: { type: 'string', default: 'B2B' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const ending = new AbortController()
  const ended = new Promise<void>(resolve => ending.signal.addEventListener('abort', () => resolve()))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort())

  const drive = await openDemoDrive(values.mount, step => console.log(step)).catch((failure: unknown) => {
    // Ctrl-C reached the command that was running, too.
    if (ending.signal.aborted) return undefined
    throw failure
  })
  if (drive === undefined) {
    console.log('\nInterrupted')
    return INTERRUPTED
  }
  try {
    if (values.check) return (await check(drive, ending.signal)) ? 0 : 1
    console.log(whatToTry(drive))
    await ended
    console.log('\nUnmounting')
    return 0
  } finally {
    await drive.close()
  }
}

try {
  // Not only the exit code: a read that hangs in a thread must not keep the process.
  process.exit(await main())
} catch (failure) {
  console.error(`The demo failed: ${failure instanceof Error ? failure.message : String(failure)}`)
  process.exit(1)
}
