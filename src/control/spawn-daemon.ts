import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { Problem } from './answers.js'
import { machineFault } from './machine-fault.js'
import type { Environment, Paths } from './paths.js'
import { fromProblem } from './problem.js'

/** What a starting daemon says once, as one line of JSON. */
export type ReadinessReport = { readonly ready: true } | { readonly ready: false; readonly problem: Problem }

/** Opening a store of a million items takes a second or two; a cold disk some more. */
const START_DEADLINE: Milliseconds = 60_000
const LONGEST_REPORT = 64 * 1024

export interface SpawnDaemonOptions {
  /** The daemon's program, `dist/src/daemon/main.js`. */
  readonly program: string
  /** Name, or absolute path of a cloud.json. */
  readonly cloud: string
  readonly environment: Environment
  /** `paths.stateDirectory` exists. */
  readonly paths: Paths
}

/**
 * Starts the daemon in a session of its own and waits until it answers.
 *
 * @throws {Fault} what keeps the daemon from starting, `already-running`, `disk-full` and `local-io` among it; `daemon-unreachable` when it
 *   ends or stays silent; the reason of `signal`
 */
export async function spawnDaemon(options: SpawnDaemonOptions, signal: AbortSignal): Promise<void> {
  const { program, cloud, environment, paths } = options
  const log = openLog(paths.logFile)
  const child = spawn(
    process.execPath,
    [program, '--cloud', cloud, '--report-to', '3'],
    // Not in our directory: that would keep its file system from being unmounted.
    { detached: true, cwd: '/', env: withoutDebugOutput(environment), stdio: ['ignore', log, log, 'pipe'] },
  )
  closeSync(log)
  try {
    const report = await firstReport(child, AbortSignal.any([signal, AbortSignal.timeout(START_DEADLINE)]))
    if (report === undefined) throw notStarted(signal, paths)
    if (!report.ready) throw fromProblem(report.problem)
  } catch (failure) {
    child.kill()
    throw failure
  } finally {
    child.stdio[3]?.destroy()
    child.unref()
  }
}

/** What libraries and Node.js print then has tokens and addresses in it that are secrets, and would go to the log. */
function withoutDebugOutput(environment: Environment): Environment {
  return { ...environment, DEBUG: undefined, NODE_DEBUG: undefined }
}

function openLog(file: string): number {
  try {
    return openSync(file, 'a', 0o600)
  } catch (failure) {
    throw machineFault(failure, file)
  }
}

/** `undefined`: the child ended, or `signal` aborted, before it reported. */
async function firstReport(child: ChildProcess, signal: AbortSignal): Promise<ReadinessReport | undefined> {
  const pipe = child.stdio[3] as Readable
  return new Promise((resolve, reject) => {
    let received = ''
    const onAbort = () => resolve(undefined)
    signal.addEventListener('abort', onAbort, { once: true })
    child.once('error', reject)
    pipe.setEncoding('utf8')
    pipe.on('error', () => resolve(undefined))
    pipe.on('data', (text: string) => {
      received += text
      if (received.includes('\n')) resolve(parseReport(received))
      else if (received.length > LONGEST_REPORT) resolve(undefined)
    })
    // After whatever the pipe still holds.
    pipe.once('end', () => resolve(undefined))
  })
}

function parseReport(received: string): ReadinessReport | undefined {
  try {
    return JSON.parse(received) as ReadinessReport
  } catch {
    return undefined
  }
}

function notStarted(signal: AbortSignal, paths: Paths): Error {
  if (signal.aborted) return signal.reason as Error
  return new Fault('daemon-unreachable', 'The b2bmount daemon could not be started', {
    nextStep: `The end of ${paths.logFile} says why.`,
  })
}
