import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

const CHILD = fileURLToPath(new URL('ending-child.js', import.meta.url))
const LIMIT = 1_000

/** @returns how it ended, and after how many milliseconds from `begin` on */
async function ends(t: Test, doing: string, begin: (child: ChildProcess) => void) {
  const child = spawn(process.execPath, [CHILD, doing, String(LIMIT)], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await new Promise(resolve => child.stdout.once('data', resolve))
  const began = performance.now()
  const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  begin(child)
  return { code: await ended, after: performance.now() - began, said }
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  t.test(`a process whose JavaScript never returns ends some time after ${signal}`, async t => {
    const { code, after, said } = await ends(t, 'loop', child => child.kill(signal))
    t.equal(code, 1)
    t.ok(after >= LIMIT - 50 && after < LIMIT + 4_000, `${after} ms`)
    t.match(said, /did not end in time/)
  })
}

t.test('JavaScript hears of the signal all the same', async t => {
  const { code, after } = await ends(t, 'obey', child => child.kill('SIGTERM'))
  t.equal(code, 7)
  t.ok(after < LIMIT, `${after} ms`)
})

t.test('a decision to end has the same limit', async t => {
  const { code } = await ends(t, 'decide', () => undefined)
  t.equal(code, 1)
})

// process.exit() would wait for the pool's thread, which waits for somebody to write into a pipe.
t.test('the end does not wait for what a thread of the pool waits for', async t => {
  const { code, after } = await ends(t, 'exit', () => undefined)
  t.equal(code, 9)
  t.ok(after < LIMIT, `${after} ms`)
})
