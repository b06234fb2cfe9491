import t from 'tap'
import { OfflineMemory } from '../../../src/hydration/offline-memory.js'
import { Fault } from '../../../src/model/fault.js'
import type { TenantId } from '../../../src/model/ids.js'
import { TestClock } from '../../semantics/test-clock.js'

const contoso = 'contoso' as TenantId

t.test('an unreachable tenant is not asked again for three seconds, the others are', t => {
  const clock = new TestClock()
  const memory = new OfflineMemory(clock)
  const fault = new Fault('offline', 'no route to host')
  memory.noteFailure(contoso, fault)
  t.equal(memory.reasonNotToAsk(contoso), fault)
  t.equal(memory.reasonNotToAsk('fabrikam' as TenantId), undefined)
  clock.advance(3_000)
  t.equal(memory.reasonNotToAsk(contoso), undefined)
  t.end()
})

t.test('an answer, whatever it says, is no reason not to ask', t => {
  const memory = new OfflineMemory(new TestClock())
  memory.noteFailure(contoso, new Fault('access-denied', 'no'))
  t.equal(memory.reasonNotToAsk(contoso), undefined)
  memory.noteFailure(contoso, new Fault('offline', 'no route to host'))
  memory.noteSuccess(contoso)
  t.equal(memory.reasonNotToAsk(contoso), undefined)
  t.end()
})
