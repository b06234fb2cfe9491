import t from 'tap'
import {
  availability,
  nextContentState,
  type ContentEvent,
  type ContentState,
} from '../../../src/model/content-state.js'

t.test('a file is full only after its hash was compared', t => {
  const states: ContentState[] = ['placeholder']
  for (const event of ['bytes', 'bytes', 'last bytes', 'verify'] as const) {
    states.push(nextContentState(states.at(-1) ?? 'placeholder', event))
  }
  t.same(states, ['placeholder', 'partial', 'partial', 'complete', 'full'])
  t.throws(() => nextContentState('partial', 'verify'), RangeError)
  t.throws(() => nextContentState('placeholder', 'refute'), RangeError)
  t.end()
})

t.test('nothing leads out of refuted and superseded', t => {
  const events: ContentEvent[] = ['bytes', 'last bytes', 'verify', 'refute', 'supersede']
  for (const state of ['refuted', 'superseded'] as const) {
    for (const event of events) {
      try {
        t.equal(nextContentState(state, event), state)
      } catch (failure) {
        t.ok(failure instanceof RangeError)
      }
    }
  }
  t.end()
})

t.test('an empty file is locally available', t => {
  t.equal(availability(0, 0), 'locally-available')
  t.equal(availability(10, 0), 'online-only')
  t.equal(availability(10, 4), 'partly-local')
  t.equal(availability(10, 10), 'locally-available')
  t.end()
})
