import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { readAuditTrail, type AuditEntry } from '../../control/audit-trail.js'
import type { Milliseconds } from '../../model/ids.js'
import { table } from '../format.js'
import type { RunCommand } from '../program.js'

export function auditCommand(run: RunCommand): Command {
  return new Command('audit')
    .summary('show which program has opened which file')
    .description(
      'Shows which files of other organizations were opened, when, and by which program, also those that were refused; the earliest first. Works without the daemon.',
    )
    .argument('[path]', 'only this file, or what is in this folder')
    .option('--since <when>', 'a time (2026-11-25, 2026-11-25T08:00), or how long ago (30m, 2h, 7d)', sinceOf)
    .addHelpText(
      'after',
      `
Examples:
  b2bmount audit --since 1d
  b2bmount audit ~/B2B/Contoso/'Projects - Documents'
  b2bmount --json audit | jq '.[] | select(.outcome == "refused")'`,
    )
    .action((path: string | undefined, { since }: { since?: Milliseconds }) =>
      run(async session => {
        const { stateDirectory } = await session.paths()
        const filter = {
          ...(since === undefined ? {} : { since }),
          ...(path === undefined ? {} : { path: resolve(path) }),
        }
        const entries: AuditEntry[] = []
        for await (const entry of readAuditTrail(stateDirectory, filter)) {
          session.signal.throwIfAborted()
          entries.push(entry)
        }
        session.output.answer(entries, auditLines(entries))
      }),
    )
}

export function auditLines(entries: readonly AuditEntry[]): readonly string[] {
  if (entries.length === 0) return ['Nothing was opened.']
  return table(
    entries.map(({ at, outcome, program, pid, uid, path, fault }) => [
      new Date(at).toLocaleString('sv'),
      outcome,
      `${program} (${pid})`,
      `user ${uid}`,
      fault === undefined ? path : `${path} (${fault})`,
    ]),
  )
}

const UNITS: Readonly<Record<string, Milliseconds>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function sinceOf(text: string): Milliseconds {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (amount !== undefined && unit !== undefined) return Date.now() - Number(amount) * (UNITS[unit] ?? 0)
  // A day without a time is meant as it begins here, not in Greenwich.
  const at = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text)
  if (/^\d{4}-/.test(text) && !Number.isNaN(at)) return at
  throw new InvalidArgumentError('Give a time such as 2026-11-25T08:00, or how long ago: 30m, 2h, 7d.')
}
