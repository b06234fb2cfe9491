import { Command } from 'commander'
import { stopDaemon, type StopOutcome } from '../../control/stop-daemon.js'
import { EXIT } from '../exit-code.js'
import type { RunCommand } from '../program.js'

const SENTENCES: Readonly<Record<StopOutcome, string>> = {
  'was-not-running': 'It was not running.',
  ended: 'Stopped.',
  killed: 'Stopped: it did not end by itself and was killed. Nothing that is unsent is lost.',
}

export function stopCommand(run: RunCommand): Command {
  return new Command('stop')
    .summary('unmount and end the background daemon')
    .description(
      'Unmounts the drive and ends the daemon; returns when its process has ended. It starts by itself when a command needs it, and ends by itself when nothing is mounted.',
    )
    .action(() =>
      run(async session => {
        session.output.progress({ message: 'Ending the daemon' })
        const outcome = await stopDaemon(await session.paths(), session.signal)
        if (outcome === 'killed') session.exitCode = EXIT.failed
        const isKilled = outcome === 'killed' && { killed: true }
        session.output.answer({ stopped: outcome !== 'was-not-running', ...isKilled }, [SENTENCES[outcome]])
      }),
    )
}
