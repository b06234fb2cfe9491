import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { campaign, PROGRAMS } from './campaign.js'

const USAGE = `Usage: programs [--short] [--list] [PROGRAM…]

Lets programs that nobody here wrote (editors, archivers, databases, backups) work on a mounted drive of an emulated organization,
and compares after each step: bytes, versions, identity, and what is left over there. Exits with 0 if all is as it should be, else
with 1. A program that is not installed is left out, with that reason.

  --short  as the tests do it
  --list   the programs
  --help   this text`

// Editors make no backups of what is below /tmp.
const MOUNTS = '/var/tmp'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter(name => !PROGRAMS.some(program => program.name === name))
if (values.help) console.log(USAGE)
else if (values.list) for (const { name } of PROGRAMS) console.log(name)
else if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}.\n\n${USAGE}`)
  process.exitCode = 2
} else {
  const directory = await mkdtemp(join(MOUNTS, 'b2b-programs-'))
  const programs = PROGRAMS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  try {
    const isWell = await campaign({
      mountPoint: join(directory, 'B2B'),
      length: values.short ? 'short' : 'long',
      programs,
      onOutcome: ({ program, seconds, skipped, problems }) => {
        const verdict = skipped ?? (problems.length === 0 ? 'as it should be' : 'NOT as it should be')
        console.log(`${program}: ${verdict} (${seconds.toFixed(1)} s)`)
        for (const problem of problems) console.log(`  ${problem}`)
      },
    })
    if (!isWell) process.exitCode = 1
  } finally {
    // Never through a mount that stayed.
    await rm(directory, { recursive: true, force: true }).catch(() => undefined)
  }
}
