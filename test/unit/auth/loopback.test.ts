import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { Loopback } from '../../../src/auth/loopback.js'

const patient = new AbortController().signal

async function open(t: Test) {
  const loopback = await Loopback.listen('the-state')
  t.teardown(() => loopback.close())
  return { loopback, to: loopback.redirectUri.replace('localhost', '127.0.0.1') }
}

t.test('a code that comes back with our state is taken, and the browser is told how it ended', async t => {
  const { loopback, to } = await open(t)
  const browser = fetch(`${to}/?code=abc&state=the-state`)
  const answer = await loopback.answer(patient)
  t.match(answer, { code: 'abc', error: undefined })
  answer.show('signed-in')
  const page = await browser
  t.match(await page.text(), /You are signed in/)
  t.equal(page.headers.get('cache-control'), 'no-store')
})

t.test('a form post is understood too', async t => {
  const { loopback, to } = await open(t)
  const browser = fetch(to, {
    method: 'POST',
    body: new URLSearchParams({ code: 'abc', state: 'the-state' }),
  })
  const answer = await loopback.answer(patient)
  t.equal(answer.code, 'abc')
  answer.show({ failure: 'it is <b>not</b> you' })
  t.match(await (await browser).text(), /it is &#60;b&#62;not/)
})

t.test('whoever does not know the state changes nothing', async t => {
  const { loopback, to } = await open(t)
  const forged = [
    '/?code=evil&state=guess',
    '/?code=evil',
    '/favicon.ico',
    '/other?code=evil&state=the-state',
    '/?state=',
  ]
  for (const path of forged) t.equal((await fetch(to + path)).status, 404, path)
  t.equal((await fetch(`${to}/?code=evil&state=the-state`, { method: 'PUT' })).status, 404)
  const large = await fetch(to, {
    method: 'POST',
    body: `state=the-state&code=${'x'.repeat(100_000)}`,
  }).catch(() => undefined)
  t.not(large?.status, 200)
  const browser = fetch(`${to}/?code=good&state=the-state`)
  const answer = await loopback.answer(patient)
  t.equal(answer.code, 'good')
  answer.show('signed-in')
  await browser
})

t.test("an error comes with Entra's number, and without its text", async t => {
  const { loopback, to } = await open(t)
  const text = encodeURIComponent('AADSTS65004: User declined to consent to access the app.')
  const browser = fetch(`${to}/?error=access_denied&error_description=${text}&state=the-state`)
  const answer = await loopback.answer(patient)
  t.match(answer, { code: undefined, error: 'access_denied', errorCode: 65004 })
  answer.show({ failure: 'declined' })
  await browser
})

t.test('the wait can be given up', async t => {
  const { loopback } = await open(t)
  const abort = new AbortController()
  const waiting = loopback.answer(abort.signal)
  abort.abort(new Error('the user gave up'))
  await t.rejects(waiting, { message: 'the user gave up' })
})

t.test('it listens on this machine only', async t => {
  const { to } = await open(t)
  const socket = connect({ host: '127.0.0.2', port: Number(new URL(to).port) })
  t.teardown(() => socket.destroy())
  const refused = await new Promise(resolve => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
  })
  t.equal(refused, true)
})
