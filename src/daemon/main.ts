import { closeSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chooseCloud } from '../control/cloud-choice.js'
import { pathsFor } from '../control/paths.js'
import { toProblem } from '../control/problem.js'
import type { ReadinessReport } from '../control/spawn-daemon.js'
import { runDaemonProcess } from './daemon-process.js'

/**
 * The detached daemon: `node main.js [--cloud CLOUD] --report-to FD`.
 * Started by `spawn-daemon.ts`, which reads from FD how the start went.
 */
const { values } = parseArgs({ options: { cloud: { type: 'string' }, 'report-to': { type: 'string' } } })

let reported = false
function report(outcome: ReadinessReport): void {
  const fd = Number(values['report-to'])
  if (reported || !Number.isInteger(fd)) return
  reported = true
  try {
    writeSync(fd, `${JSON.stringify(outcome)}\n`)
    closeSync(fd)
  } catch {
    // Whoever started us has gone; the next one finds the socket.
  }
}

try {
  const { cloud, config } = await chooseCloud(values.cloud, process.env)
  const paths = pathsFor(cloud.name, process.env)
  await runDaemonProcess({ cloud, config, paths, onReady: () => report({ ready: true }) })
} catch (failure) {
  report({ ready: false, problem: toProblem(failure) })
  // To stderr, which is the log: the failure may have come before there was one. A Fault has been told.
  if (toProblem(failure).code === 'internal-error') console.error(failure)
  process.exitCode = 1
}
// Whatever a subsystem has forgotten to stop must not keep an unmounted daemon alive.
process.exit()
