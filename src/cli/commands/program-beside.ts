import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { EXIT } from '../exit-code.js'
import type { RunCommand } from '../program.js'

const FORWARDED = ['SIGTERM', 'SIGHUP'] as const

/**
 * A command that is a program of its own, with its own options and help: the command line imports none of it.
 *
 * @param args all arguments of this run: those after the command's name are the program's, unread
 */
export function programBeside(
  name: string,
  summary: string,
  program: URL,
  args: readonly string[],
  run: RunCommand,
) {
  return new Command(name)
    .summary(summary)
    .description(summary)
    .argument('[arguments...]')
    .helpOption(false)
    .allowUnknownOption()
    .action(() =>
      run(async session => {
        session.exitCode = await runProgram(fileURLToPath(program), args.slice(args.indexOf(name) + 1))
      }),
    )
}

/** Ctrl-C reaches it by itself: a terminal sends SIGINT to the whole foreground. */
async function runProgram(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' })
  const forward = (signal: NodeJS.Signals) => child.kill(signal)
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? EXIT.failed
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}
