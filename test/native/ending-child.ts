// What `ending.test.ts` ends. Arguments: what it does, and within how many milliseconds it has to end.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFile, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadNativeAddon } from '../../src/transport/native-addon.js'

const [, , doing = '', limit] = process.argv
const addon = loadNativeAddon()
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (doing === 'obey') process.exit(7)
  })
}
addon.limitEnding(Number(limit))
setInterval(() => undefined, 60_000)
process.stdout.write('ready\n')

const DEEDS: Readonly<Record<string, () => void>> = {
  obey: () => undefined,
  loop: () => {
    setImmediate(() => {
      for (;;);
    })
  },
  decide: () => addon.beginEnding(),
  exit: () => {
    const directory = mkdtempSync(join(tmpdir(), 'b2bmount-ending-'))
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    // Opening it waits for a writer.
    readFile(fifo, () => undefined)
    setTimeout(() => {
      rmSync(directory, { recursive: true })
      addon.exitNow(9)
    }, 200)
  },
}
DEEDS[doing]?.()
