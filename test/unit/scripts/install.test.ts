import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../../helpers/mounted-directory.js'

const INSTALL = fileURLToPath(new URL('../../../../scripts/install', import.meta.url))

/** An empty home, and a clone whose program prints its arguments. */
async function openClone(test: Test) {
  const directory = await temporaryDirectory(test)
  const home = join(directory, 'home')
  const clone = join(directory, "Ann's clone")
  for (const name of [home, join(clone, 'scripts'), join(clone, 'dist/src/cli')]) {
    await mkdir(name, { recursive: true })
  }
  await copyFile(INSTALL, join(clone, 'scripts/install'))
  await writeFile(join(clone, 'scripts/setup'), `#!/bin/sh\necho "$@" > ${home}/setup\n`, { mode: 0o755 })
  await writeFile(join(clone, 'dist/src/cli/main.js'), 'console.log(JSON.stringify(process.argv.slice(2)))\n')
  const bin = join(home, '.local/bin')
  const run = (program: string, ...args: readonly string[]) =>
    new Promise<{ status: number; stdout: string; stderr: string }>(resolve => {
      const env = { HOME: home, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
      const child = execFile(program, args, { env }, (_, stdout, stderr) => {
        resolve({ status: child.exitCode ?? -1, stdout, stderr })
      })
    })
  return { home, bin, run, install: (...args: string[]) => run(join(clone, 'scripts/install'), ...args) }
}

t.test('one command sets up and makes b2bmount a command, in an empty home', async t => {
  const { home, bin, run, install } = await openClone(t)
  for (const time of ['first', 'again']) {
    t.match(await install(), { status: 0, stderr: /b2bmount is there/ }, time)
    t.equal((await run('b2bmount', 'a b', "c'd", '')).stdout, '["a b","c\'d",""]\n', time)
  }
  t.equal(await readFile(join(home, 'setup'), 'utf8'), '--run-only\n')
  t.match(await install('--remove'), { status: 0, stderr: '' })
  await t.rejects(readFile(join(bin, 'b2bmount')), { code: 'ENOENT' })
})

t.test('without Node.js where it was, that of the PATH runs it', async t => {
  const { bin, run, install } = await openClone(t)
  await install()
  const launcher = join(bin, 'b2bmount')
  const text = await readFile(launcher, 'utf8')
  t.match(text, process.execPath)
  await writeFile(launcher, text.replace(process.execPath, '/nowhere/node'))
  t.equal((await run('b2bmount', 'x')).stdout, '["x"]\n')
})

t.test("somebody else's b2bmount stays", async t => {
  const { bin, install } = await openClone(t)
  const launcher = join(bin, 'b2bmount')
  await mkdir(bin, { recursive: true })
  await writeFile(launcher, 'mine')
  for (const args of [[], ['--remove']]) {
    t.match(await install(...args), { status: 1, stderr: /not from here/ })
    t.equal(await readFile(launcher, 'utf8'), 'mine')
  }
  await rm(launcher)
  t.match(await install(), { status: 0 })
})
