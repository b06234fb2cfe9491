import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { runCli } from '../../../src/cli/run-cli.js'

const FAKE_DAEMON = fileURLToPath(new URL('../daemon/fake-daemon.js', import.meta.url))

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface Home {
  readonly directory: string
  readonly environment: Record<string, string>
  run(...args: readonly string[]): Promise<Ran>
  runUntil(signal: AbortSignal, ...args: readonly string[]): Promise<Ran>
  /** The same, with a terminal on the other end of standard error. */
  runInTerminal(...args: readonly string[]): Promise<Ran>
}

/** An empty home with a cloud.json. Whatever daemon is started in it is stopped when the test ends. */
export function openHome(test: Pick<Test, 'teardown'>, environment: Record<string, string> = {}): Home {
  // Not t.testdir(): that is gone before teardown, and the daemon with it.
  const directory = mkdtempSync(join(tmpdir(), 'b2bmount-cli-'))
  const cloudFile = join(directory, 'cloud.json')
  mkdirSync(join(directory, 'home'))
  writeFileSync(cloudFile, JSON.stringify(CLOUD))
  const all = {
    PATH: process.env['PATH'] ?? '',
    HOME: join(directory, 'home'),
    XDG_STATE_HOME: join(directory, 'state'),
    XDG_CACHE_HOME: join(directory, 'cache'),
    B2BMOUNT_CLOUD: cloudFile,
    ...environment,
  }
  const start = async (args: readonly string[], isTTY: boolean, signal: AbortSignal): Promise<Ran> => {
    const [stdout, stderr] = [sink(false), sink(isTTY)]
    const exitCode = await runCli(args, {
      stdout,
      stderr,
      environment: all,
      signal,
      daemonProgram: FAKE_DAEMON,
    })
    // What a child's failure to start prints comes with the next turn, for which a process would still be there.
    await setImmediate()
    return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
  }
  const never = new AbortController().signal
  test.teardown(async () => {
    await start(['stop'], false, never)
    rmSync(directory, { recursive: true })
  })
  return {
    directory,
    environment: all,
    run: (...args) => start(args, false, never),
    runUntil: (signal, ...args) => start(args, false, signal),
    runInTerminal: (...args) => start(args, true, never),
  }
}

export const CLOUD = {
  name: 'test',
  loginHost: 'login.example',
  graphHost: 'graph.example',
  sharePointSuffix: '.sharepoint.example',
  clientId: '11111111-2222-3333-4444-555555555555',
}

function sink(isTTY: boolean) {
  const written: string[] = []
  return {
    write: (text: string) => void written.push(text),
    isTTY,
    columns: 80,
    text: () => written.join(''),
  }
}
