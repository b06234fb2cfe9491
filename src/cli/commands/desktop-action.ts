import { execFile, spawn } from 'node:child_process'
import { Argument, Command } from 'commander'
import type { Problem } from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { EXIT } from '../exit-code.js'
import { sentence } from '../format.js'
import { notify } from '../notification.js'
import { ownProgram } from '../own-program.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'

const VERBS = ['pin', 'unpin', 'free-up', 'open', 'show'] as const
type Verb = (typeof VERBS)[number]

const LONGEST_OUTPUT = 64 * 1024 * 1024

export function desktopActionCommand(run: RunCommand): Command {
  return new Command('desktop-action')
    .summary("what the file managers' menu entries run")
    .description(
      'Runs `b2bmount pin`, `unpin`, `free-up` or `open` for files, or shows the drive, mounting it before if need be. Says what goes wrong in a notification, because nobody sees what a menu entry prints.',
    )
    .addArgument(new Argument('<what>', 'what to do').choices(VERBS))
    .argument('<paths...>', 'files and folders of the drive; for show: where to mount it')
    .action((what: Verb, paths: readonly string[]) =>
      run(async session => {
        try {
          if (what === 'show') await showDrive(session, paths[0] ?? '')
          else session.exitCode = await runAndTell(session, what, paths)
        } catch (failure) {
          if (failure instanceof Fault) notify(session, failure)
          throw failure
        }
      }),
    )
}

/** @returns its exit code */
async function runAndTell(session: Session, verb: Verb, paths: readonly string[]): Promise<number> {
  const [node = process.execPath, ...words] = await ownProgram(session)
  const { status, output } = await new Promise<{ status: number; output: string }>(resolve => {
    const options = { env: session.environment, maxBuffer: LONGEST_OUTPUT, signal: session.signal }
    execFile(node, [...words, '--json', verb, '--', ...paths], options, (failure, stdout) => {
      resolve({
        status: typeof failure?.code === 'number' ? failure.code : failure ? EXIT.failed : EXIT.ok,
        output: stdout,
      })
    })
  })
  if (status !== EXIT.ok && !session.signal.aborted) {
    const problem = problemIn(output)
    notify(session, problem)
    session.output.note(
      sentence(problem.message),
      ...(problem.nextStep === undefined ? [] : [problem.nextStep]),
    )
  }
  session.output.answer({ status }, [])
  return status
}

function problemIn(output: string): Omit<Problem, 'code'> {
  try {
    const { error } = JSON.parse(output) as { error?: Problem }
    if (error !== undefined) return error
  } catch {
    // It ended before it could say anything.
  }
  return { message: 'The command failed', nextStep: 'Run it in a terminal to see why.' }
}

async function showDrive(session: Session, directory: string): Promise<void> {
  const { mounts } = await session.ask('status', {})
  const { directory: drive } = mounts[0] ?? (await session.ask('mount', { directory }))
  // It goes on when we have ended.
  const child = spawn('xdg-open', [drive], { detached: true, env: session.environment, stdio: 'ignore' })
  child.on('error', () => undefined)
  child.unref()
  session.output.answer({ directory: drive }, [drive])
}
