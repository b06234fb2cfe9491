import { Command } from 'commander'
import type { Check } from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { EXIT } from '../exit-code.js'
import { table } from '../format.js'
import { directoryChecks, machineChecks } from '../local-checks.js'
import type { RunCommand } from '../program.js'
import type { Session } from '../session.js'

export function doctorCommand(run: RunCommand): Command {
  return new Command('doctor')
    .summary('find out why something does not work')
    .description(
      'Checks this machine, the network, your account and each organization, and says what to do. Exits with 1 if a check fails.',
    )
    .action(() =>
      run(async session => {
        const checks = [...(await machineChecks()), ...(await cloudChecks(session))]
        const ok = checks.every(check => check.verdict !== 'fail')
        session.output.answer({ ok, checks }, checkLines(checks))
        if (!ok) session.exitCode = EXIT.failed
      }),
    )
}

/** A failure here is a finding, and the checks before it are still worth printing. */
async function cloudChecks(session: Session): Promise<readonly Check[]> {
  const configuration = 'Configuration'
  try {
    const { cloud } = await session.cloud()
    const paths = await session.paths()
    return [
      { name: configuration, verdict: 'ok', found: `cloud "${cloud.name}", app ${cloud.clientId}` },
      ...(await directoryChecks(paths)),
      ...(await daemonChecks(session)),
    ]
  } catch (failure) {
    session.signal.throwIfAborted()
    return [toCheck(configuration, failure)]
  }
}

async function daemonChecks(session: Session): Promise<readonly Check[]> {
  try {
    session.output.progress({ message: 'Asking the daemon' })
    const checks = await session.ask('doctor', {})
    const daemon = await session.runningDaemon()
    const found = daemon === undefined ? 'answers' : `answers, process ${daemon.hello.pid}`
    return [{ name: 'Daemon', verdict: 'ok', found }, ...checks]
  } catch (failure) {
    session.signal.throwIfAborted()
    return [toCheck('Daemon', failure)]
  }
}

function toCheck(name: string, failure: unknown): Check {
  if (!(failure instanceof Fault)) throw failure
  const { message, nextStep } = failure
  return { name, verdict: 'fail', found: message, ...(nextStep === undefined ? {} : { nextStep }) }
}

const MARK: Readonly<Record<Check['verdict'], string>> = { ok: 'ok', warn: 'WARN', fail: 'FAIL' }

export function checkLines(checks: readonly Check[]): readonly string[] {
  const rows = table(checks.map(({ verdict, name, found }) => [MARK[verdict], name, found]))
  return checks.flatMap(({ nextStep }, i) => [
    rows[i] ?? '',
    ...(nextStep === undefined ? [] : [`      ${nextStep}`]),
  ])
}
