import t, { type Test } from 'tap'
import type { RequiredLibrary } from '../../../src/control/admin-policy.js'
import { AutoMount } from '../../../src/daemon/auto-mount.js'
import { Fault } from '../../../src/model/fault.js'
import type { TenantId } from '../../../src/model/ids.js'
import { aWhile } from '../../semantics/drive-world.js'
import { TestClock } from '../../semantics/test-clock.js'

const MINUTE = 60_000

function library(name: string): RequiredLibrary {
  return { name, address: `listId=${name}`, tenant: 'contoso' as TenantId }
}

function world(t: Test, ...names: string[]) {
  const state = {
    required: names.map(library),
    isSignedIn: true,
    failure: undefined as Error | undefined,
    asked: [] as string[],
    troubles: [] as string[],
  }
  const clock = new TestClock()
  const autoMount = new AutoMount({
    clock,
    required: () => state.required,
    isSignedIn: () => Promise.resolve(state.isSignedIn),
    add: ({ name }) => {
      state.asked.push(name)
      return state.failure ? Promise.reject(state.failure) : Promise.resolve()
    },
    onTrouble: event => void state.troubles.push(event),
  })
  t.teardown(() => autoMount.close())
  const wake = async () => {
    autoMount.wake()
    await aWhile(20)
  }
  const pass = async (minutes: number) => {
    clock.advance(minutes * MINUTE)
    await aWhile(20)
  }
  return { state, autoMount, wake, pass }
}

t.test('what an administrator wants is added once somebody is signed in', async t => {
  const { state, wake, autoMount } = world(t, 'Projects', 'Supply')
  state.isSignedIn = false
  await wake()
  t.same(state.asked, [])
  state.isSignedIn = true
  await wake()
  t.same(state.asked, ['Projects', 'Supply'])
  t.same(autoMount.failures, [])
})

t.test('each once in the life of a daemon, whatever the user does with it', async t => {
  const { state, wake, pass } = world(t, 'Projects')
  await wake()
  await wake()
  await pass(1_000)
  t.same(state.asked, ['Projects'])
  state.required = [library('Projects'), library('Supply')]
  await wake()
  t.same(state.asked, ['Projects', 'Supply'], 'and what the policy has new')
})

t.test('what the network kept away is tried again, ever more rarely', async t => {
  const { state, wake, pass, autoMount } = world(t, 'Projects')
  state.failure = new Fault('offline', 'There is no connection')
  await wake()
  t.match(autoMount.failures, [{ name: 'Projects', fault: { code: 'offline' } }])
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
    const before = state.asked.length
    await pass(minutes - 0.5)
    t.equal(state.asked.length, before, `not within ${minutes} minutes`)
    await pass(0.5)
    t.equal(state.asked.length, before + 1)
  }
  t.same(state.troubles, ['library-not-added'], 'it is said once')
  state.failure = undefined
  await pass(60)
  t.same(autoMount.failures, [])
})

t.test('what was refused is not tried again before something changes', async t => {
  const { state, wake, pass, autoMount } = world(t, 'Projects')
  state.failure = new Fault('not-a-guest', 'Contoso does not know you')
  await wake()
  await pass(1_000)
  t.equal(state.asked.length, 1)
  t.match(autoMount.failures, [{ name: 'Projects', fault: { code: 'not-a-guest' } }])
  state.required = []
  t.same(autoMount.failures, [], 'nobody wants it any more')
  state.required = [library('Projects')]
  state.failure = undefined
  await wake()
  t.equal(state.asked.length, 2)
})

t.test('a wake while it works is not lost', async t => {
  const { state, autoMount } = world(t, 'Projects')
  autoMount.wake()
  state.required = [library('Projects'), library('Supply')]
  autoMount.wake()
  await aWhile(20)
  t.same(state.asked, ['Projects', 'Supply'])
})
