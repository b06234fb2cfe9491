import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { temporaryDirectory } from '../../helpers/mounted-directory.js'

const SCRIPTS = fileURLToPath(new URL('../../../../scripts/', import.meta.url))

/** A clone with one source, and a node-gyp that does what `compiler` says in the directory that it is told. */
async function openClone(test: Test) {
  const root = await temporaryDirectory(test)
  for (const name of ['scripts', 'native', 'bin']) await mkdir(join(root, name))
  for (const name of ['build-native', 'node-headers']) {
    await copyFile(join(SCRIPTS, name), join(root, 'scripts', name))
  }
  const source = (text: string) => writeFile(join(root, 'native/addon.cc'), text)
  await source('one')
  const addon = () =>
    readFile(join(root, 'native/build/Release/b2bmount.node'), 'utf8').catch(() => undefined)
  const build = async (compiler: string, ...args: readonly string[]) => {
    const program = join(root, 'bin/node-gyp')
    await writeFile(program, `#!/bin/sh\nset -e\ncd "$3"\n${compiler}\n`)
    await chmod(program, 0o755)
    const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}` }
    return new Promise<number>(resolve => {
      const child = execFile(join(root, 'scripts/build-native'), args, { env }, () => undefined)
      child.on('exit', code => resolve(code ?? -1))
    })
  }
  return { source, addon, build }
}

const WORKS = 'mkdir -p build/Release && cp addon.cc build/Release/b2bmount.node'
const FAILS = 'rm -rf build; exit 1'

t.test('an addon that fits is neither built again nor taken away, whatever npm asks for', async t => {
  const { addon, build } = await openClone(t)
  t.equal(await build(WORKS, '--is-current'), 1)
  t.equal(await build(WORKS), 0)
  t.equal(await addon(), 'one')
  t.equal(await build(FAILS, '--is-current'), 0)
  t.equal(await build(FAILS), 0)
  t.equal(await addon(), 'one')
})

t.test('a build that is broken off leaves the addon of before', async t => {
  const { source, addon, build } = await openClone(t)
  await build(WORKS)
  await source('two')
  t.equal(await build('kill -KILL $PPID'), -1)
  t.equal(await addon(), 'one')
  t.equal(await build(WORKS, '--is-current'), 1)
  t.equal(await build(WORKS), 0)
  t.equal(await addon(), 'two')
})

t.test('an addon of other sources goes when its successor cannot be built', async t => {
  const { source, addon, build } = await openClone(t)
  await build(WORKS)
  await source('two')
  t.equal(await build(FAILS), 1)
  t.equal(await addon(), undefined)
})
