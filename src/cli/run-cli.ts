import { fileURLToPath } from 'node:url'
import type { Environment } from '../control/paths.js'
import { EXIT } from './exit-code.js'
import { toFailure } from './failure.js'
import { Output, type Sink } from './output.js'
import { buildProgram, type GlobalOptions, type RunCommand } from './program.js'
import { Session } from './session.js'

const DAEMON = fileURLToPath(new URL('../daemon/main.js', import.meta.url))

export interface Surroundings {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly environment: Environment
  /** Ctrl-C. */
  readonly signal: AbortSignal
  /** The daemon's program; tests have one of their own. */
  readonly daemonProgram?: string
}

/** Runs one command line. Never rejects. @param args without `node` and script @returns the exit code */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, environment, signal } = surroundings
  // Until the options are parsed: a wrong option is reported as JSON, too, to whoever asked for JSON.
  let output = new Output({ stdout, stderr, json: args.includes('--json'), quiet: false, verbose: false })
  let logFile: string | undefined
  let exitCode: number = EXIT.ok

  const run: RunCommand = async work => {
    const { json = false, quiet = false, verbose = false, cloud } = program.opts<GlobalOptions>()
    output = new Output({ stdout, stderr, json, quiet, verbose })
    const session = new Session({
      output,
      environment,
      cloud,
      daemonProgram: surroundings.daemonProgram ?? DAEMON,
      signal,
    })
    try {
      await work(session)
      exitCode = session.exitCode
    } catch (failure) {
      logFile = await session.paths().then(
        ({ logFile: file }) => file,
        () => undefined,
      )
      throw failure
    } finally {
      session.close()
    }
  }

  const program = buildProgram(args, run)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: text => void stdout.write(text),
      writeErr: text => void stderr.write(text),
      // Reported below, once, like every other failure.
      outputError: () => {},
    })
  }
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (thrown) {
    const failure = await toFailure(thrown, logFile)
    if (failure.problem !== undefined) output.problem(failure.problem)
    return failure.exitCode
  }
}
