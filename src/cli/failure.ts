import { appendFile } from 'node:fs/promises'
import { CommanderError } from 'commander'
import type { Problem } from '../control/answers.js'
import { toProblem } from '../control/problem.js'
import { Fault } from '../model/fault.js'
import { EXIT, exitCodeOf } from './exit-code.js'

export interface Failure {
  readonly exitCode: number
  /** Absent: there is nothing to say. */
  readonly problem?: Problem
}

/**
 * What the user gets to hear of whatever a command threw.
 *
 * @param logFile gets the stack of a bug; `undefined` when it is not known where that is
 */
export async function toFailure(thrown: unknown, logFile: string | undefined): Promise<Failure> {
  if (thrown instanceof CommanderError) return fromCommander(thrown)
  if (thrown instanceof Fault) return { exitCode: exitCodeOf(thrown.code), problem: toProblem(thrown) }
  const kept = logFile !== undefined && (await keepStack(thrown, logFile))
  const problem: Problem = {
    code: 'internal-error',
    message: 'An internal error occurred',
    nextStep: `Please report it${kept ? `, with the end of ${logFile}` : ''}.`,
  }
  return { exitCode: EXIT.failed, problem }
}

const SEE_HELP = 'To see what there is, run:  b2bmount --help'
const NO_COMMAND: Problem = { code: 'usage', message: 'No command was given', nextStep: SEE_HELP }

function fromCommander(thrown: CommanderError): Failure {
  // --help and --version end by throwing, too.
  if (thrown.exitCode === 0) return { exitCode: EXIT.ok }
  if (thrown.code === 'commander.help') return { exitCode: EXIT.usage, problem: NO_COMMAND }
  const [message = '', suggestion] = thrown.message.replace(/^error: /, '').split('\n')
  const nextStep = suggestion?.replace(/^\((.*)\)$/, '$1') ?? SEE_HELP
  return { exitCode: EXIT.usage, problem: { code: 'usage', message, nextStep } }
}

/** Without the message, which could hold anything. */
async function keepStack(thrown: unknown, logFile: string): Promise<boolean> {
  const stack =
    thrown instanceof Error ? (thrown.stack ?? '').split('\n').filter(line => /^\s+at /.test(line)) : []
  const name = thrown instanceof Error ? thrown.name : typeof thrown
  const line = { time: new Date().toISOString(), level: 'error', event: 'cli-bug', name, stack }
  return appendFile(logFile, `${JSON.stringify(line)}\n`, { mode: 0o600 }).then(
    () => true,
    () => false,
  )
}
