import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock, type Clock } from '../../src/concurrency/clock.js'

const LOOKED_AT_EVERY = 50

const file = (home: string) => join(home, 'clock-ahead')

/** For `openSandbox`: `b2bmount`, with a daemon whose clock a test can put ahead. */
export const PROGRAM_WITH_CLOCK_AHEAD = fileURLToPath(new URL('./clock-ahead-cli.js', import.meta.url))

/** Nobody waits for what the daemon does after minutes. @param home of the sandbox */
export function putClockAhead(home: string, seconds: number): void {
  writeFileSync(file(home), String(aheadBy(home) + seconds * 1_000))
}

/** In the daemon: the only clock it has, before anything asks for the time. */
export function followClockAhead(home: string): void {
  const now = () => Date.now()
  let ahead = 0
  const sleepers = new Set<() => void>()
  setInterval(() => {
    ahead = aheadBy(home)
    for (const look of [...sleepers]) look()
  }, LOOKED_AT_EVERY).unref()
  const clock: Clock = {
    now: () => now() + ahead,
    sleep: async (duration, signal) => {
      signal.throwIfAborted()
      const until = clock.now() + duration
      await new Promise<void>((resolve, reject) => {
        const end = () => {
          clearTimeout(timer)
          sleepers.delete(look)
          signal.removeEventListener('abort', abort)
        }
        const wake = () => {
          end()
          resolve()
        }
        const look = () => clock.now() >= until && wake()
        const abort = () => {
          end()
          reject(signal.reason as Error)
        }
        const timer = setTimeout(wake, duration)
        sleepers.add(look)
        signal.addEventListener('abort', abort, { once: true })
      })
    },
  }
  Object.assign(systemClock, clock)
}

function aheadBy(home: string): number {
  try {
    return Number(readFileSync(file(home), 'utf8'))
  } catch {
    return 0
  }
}
