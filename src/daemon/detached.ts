import { closeSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chooseCloud } from '../control/cloud-choice.js'
import { pathsFor } from '../control/paths.js'
import { toProblem } from '../control/problem.js'
import type { ReadinessReport } from '../control/spawn-daemon.js'
import { runDaemonProcess } from './daemon-process.js'
import type { OpenServices } from './daemon-services.js'

/**
 * The daemon as `spawn-daemon.ts` starts it: `--cloud CLOUD --report-to FD`. How the start went is written to FD,
 * once; whoever reads it may be gone soon after.
 *
 * @param args without `node` and script
 * @returns the exit code
 */
export async function runDetached(args: readonly string[], openServices: OpenServices): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { cloud: { type: 'string' }, 'report-to': { type: 'string' } },
  })
  const report = reportOnce(Number(values['report-to']))
  try {
    const { cloud, config } = await chooseCloud(values.cloud, process.env)
    const paths = pathsFor(cloud.name, process.env)
    await runDaemonProcess({ cloud, config, paths, openServices, onReady: () => report({ ready: true }) })
    return Number(process.exitCode ?? 0)
  } catch (failure) {
    const problem = toProblem(failure)
    report({ ready: false, problem })
    // Standard error is the log file: a bug may have come before there was a log.
    if (problem.code === 'internal-error') console.error(failure)
    return 1
  }
}

function reportOnce(fd: number): (report: ReadinessReport) => void {
  let isOpen = Number.isInteger(fd)
  return report => {
    if (!isOpen) return
    isOpen = false
    try {
      writeSync(fd, `${JSON.stringify(report)}\n`)
      closeSync(fd)
    } catch {
      // Whoever started us has gone; the next client finds the socket.
    }
  }
}
