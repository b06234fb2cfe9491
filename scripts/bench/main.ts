import { Command } from 'commander'
import { writeFile } from 'node:fs/promises'
import { BENCHES } from './benches.js'
import { printRows, type Row } from './row.js'
import { Subject } from './subject.js'

interface Options {
  readonly json?: string
  readonly only?: readonly string[]
}

const command = new Command('bench')
  .description('Measures the drive against ext4, curl and peers on this machine. Quote ratios, not figures.')
  .option('--json <file>', 'write the rows to a file')
  .option('--only <id...>', `some of: ${BENCHES.map(({ id }) => id).join(', ')}`)
  .parse()
const options = command.opts<Options>()
const known = BENCHES.map(({ id }) => id)
const unknown = options.only?.filter(id => !known.includes(id)) ?? []
if (unknown.length > 0)
  command.error(`unknown: ${unknown.join(', ')}; there are ${known.join(', ')}`, { exitCode: 2 })

const subject = await Subject.open()
const close = () => void subject.sandbox.close().then(() => process.exit(130))
process.on('SIGINT', close).on('SIGTERM', close)
const rows: Row[] = []
try {
  for (const bench of BENCHES) {
    if (options.only && !options.only.includes(bench.id)) continue
    console.error(`measuring ${bench.id} …`)
    const row = await bench.measure(subject)
    rows.push(row)
    printRows([row])
  }
} finally {
  await subject.sandbox.close()
}
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`)
// A figure that is missed is an answer, not a failure of the measurement.
console.log(`${rows.filter(({ met }) => met).length} of ${rows.length} met`)
