import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { mountWritable } from '../helpers/writable-library.js'

const execute = promisify(execFile)
const SOURCE = fileURLToPath(new URL('../../../test/fixtures/exerciser.c', import.meta.url))
const ACTIONS = 100_000
const TURNS = 10
const limits = { timeout: 120_000, killSignal: 'SIGKILL' as const }

// Reads, writes, truncates, maps, punches; between its turns the drive is mounted again, or the file sent, or made online-only.
// What is done in the turns after which it is made online-only leaves its QuickXorHash as it was.
t.test(`${ACTIONS} random actions on one file, and not a byte differs`, { skip: cannotMount }, async t => {
  const library = await mountWritable(t)
  const scratch = await temporaryDirectory(t)
  const [program, copy] = [join(scratch, 'exerciser'), join(scratch, 'copy')]
  await execute('cc', ['-O2', '-o', program, SOURCE], limits)
  const file = library.on('exercised.bin')
  for (let turn = 1; turn <= TURNS; turn++) {
    await execute(program, [file, copy, String(turn), String(ACTIONS / TURNS)], limits)
    if (turn % 4 === 1) {
      await library.sandbox.json('stop')
      await library.sandbox.json('mount', library.drive)
    } else if (turn % 4 !== 0) {
      t.match(await library.sync(), { total: 0 })
      if (turn % 4 === 3) await library.sandbox.json('free-up', file)
    }
  }
  t.match(await library.sync(), { total: 0 })
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  t.equal(hash(await library.bytesThere('exercised.bin')), hash(await readFile(copy)))
})
