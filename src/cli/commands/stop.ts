import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import type { ControlClient } from '../../control/control-client.js'
import { Fault } from '../../model/fault.js'
import type { Milliseconds } from '../../model/ids.js'
import type { RunCommand } from '../program.js'

const STOP_DEADLINE: Milliseconds = 45_000

export function stopCommand(run: RunCommand): Command {
  return new Command('stop')
    .summary('unmount and end the background daemon')
    .description(
      'Unmounts the drive and ends the daemon. It starts by itself when a command needs it, and ends by itself when nothing is mounted.',
    )
    .action(() =>
      run(async session => {
        const daemon = await session.runningDaemon()
        if (daemon !== undefined) await stop(daemon, session.signal)
        const stopped = daemon !== undefined
        session.output.answer({ stopped }, [stopped ? 'Stopped.' : 'It was not running.'])
      }),
    )
}

async function stop(daemon: ControlClient, signal: AbortSignal): Promise<void> {
  // One of another version may not understand the request, but every version understands this.
  if (daemon.compatible) await daemon.request('stop', {}, signal)
  else process.kill(daemon.hello.pid, 'SIGTERM')
  const late = new AbortController()
  const tooLate = setTimeout(STOP_DEADLINE, true, { signal: late.signal, ref: false })
  const isLate = await Promise.race([daemon.closed().then(() => false), tooLate])
  late.abort()
  if (isLate) {
    throw new Fault('timed-out', 'The b2bmount daemon does not end', {
      nextStep: `Run:  kill -9 ${daemon.hello.pid}`,
    })
  }
}
