import { parseArgs } from 'node:util'
import { count } from '../../src/cli/format.js'
import { crashTest } from './crash-test.js'
import { powerCut } from './power-cut.js'

const USAGE = `Usage: crash-test [--rounds N] [--seed N] [--power-cut]

Kills the daemon at random moments (kill -9) while a program works on a mounted drive of an emulated organization, and
compares after each restart, and at the end over there. Exits with 0 if nothing was lost, else with 1.

  --rounds N   how often (default: 200)
  --seed N     does the same again that this seed did
  --power-cut  takes back, too, whatever was not synced; the program syncs everything that it does
  --help       this text`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'power-cut': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const [rounds, seed] = [Number(values.rounds), Number(values.seed)]
if (values.help) console.log(USAGE)
else if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  console.error(USAGE)
  process.exitCode = 2
} else {
  console.log(`seed ${seed}`)
  try {
    const report = await crashTest({
      rounds,
      seed,
      ...(values['power-cut'] ? { powerCut } : {}),
      onRound: (round, { actions, files }) =>
        console.log(`${round}: ${count(actions, 'action')}, ${count(files, 'file')}`),
    })
    console.log(`Nothing was lost in ${count(report.rounds, 'round')} of ${count(report.actions, 'action')}.`)
  } catch (failure) {
    console.error((failure as Error).message)
    process.exitCode = 1
  }
}
