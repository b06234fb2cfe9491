import { fork } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { TokenCacheFile } from '../../../src/auth/token-cache-file.js'
import { access } from './cache-access.js'

function open(t: Test) {
  const file = join(t.testdir(), 'private', 'tokens.json')
  const warnings: string[] = []
  return { file, warnings, cache: new TokenCacheFile({ file, warn: message => warnings.push(message) }) }
}

t.test('what one access stores, the next one finds', async t => {
  const { cache } = open(t)
  t.equal(await access(cache), '{}')
  await access(cache, content => (content['Account'] = { ann: {} }))
  t.equal(await access(cache), '{"Account":{"ann":{}}}')
})

t.test('only the owner can read it', async t => {
  const { cache, file } = open(t)
  await access(cache, content => (content['Account'] = {}))
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(dirname(file)).mode & 0o777, 0o700)
})

t.test('nothing but the file remains: no temporary file, no lock', async t => {
  const { cache, file } = open(t)
  for (let i = 0; i < 3; i++) await access(cache, content => (content[`s${i}`] = {}))
  t.same(readdirSync(dirname(file)), ['tokens.json'])
})

t.test('a damaged file is set aside with a message, and the user can sign in again', async t => {
  for (const damage of ['{"Account":', '[1]', '"text"', '{"Account":7}', '\0\0\0\0']) {
    const { cache, file, warnings } = open(t)
    await access(cache, content => (content['Account'] = {}))
    writeFileSync(file, damage)
    t.equal(await access(cache), '{}')
    t.equal(readFileSync(`${file}.damaged`, 'utf8'), damage)
    t.match(warnings, [/set aside/])
    await access(cache, content => (content['Account'] = {}))
    t.equal(await access(cache), '{"Account":{}}')
  }
})

t.test('erasing removes it', async t => {
  const { cache, file } = open(t)
  await access(cache, content => (content['Account'] = {}))
  await cache.erase()
  t.notOk(existsSync(file))
  await t.resolves(cache.erase(), 'also when there is none')
})

t.test('a file that cannot be read is a fault that names it', async t => {
  const { cache, file } = open(t)
  // Root may read every file, but no directory.
  mkdirSync(file, { recursive: true })
  await t.rejects(access(cache), { code: 'local-io', message: new RegExp(file) })
})

t.test('changes at the same time, in one process, all arrive', async t => {
  const { cache } = open(t)
  await Promise.all(Array.from({ length: 10 }, (_, i) => access(cache, content => (content[`s${i}`] = {}))))
  t.equal(Object.keys(JSON.parse(await access(cache)) as object).length, 10)
})

const CHILD = fileURLToPath(new URL('change-cache.js', import.meta.url))

t.test('changes of several processes at the same time all arrive', { timeout: 60_000 }, async t => {
  const { cache, file } = open(t)
  const children = ['a', 'b', 'c'].map(name => {
    const child = fork(CHILD, [file, name], { stdio: 'ignore', timeout: 30_000 })
    t.teardown(() => child.kill('SIGKILL'))
    return new Promise(resolve => child.once('exit', resolve))
  })
  t.same(await Promise.all(children), [0, 0, 0])
  t.equal(Object.keys(JSON.parse(await access(cache)) as object).length, 30)
})
