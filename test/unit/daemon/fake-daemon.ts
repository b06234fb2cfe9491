// The detached daemon as a program, with fake services. FAKE_DAEMON=store-corrupt makes its start fail.
import { runDetached } from '../../../src/daemon/detached.js'
import { Fault } from '../../../src/model/fault.js'
import { FakeServices } from './fake-services.js'

process.exit(
  await runDetached(process.argv.slice(2), () => {
    if (process.env['FAKE_DAEMON'] === 'store-corrupt') {
      return Promise.reject(new Fault('store-corrupt', 'The store is damaged', { nextStep: 'Move it away.' }))
    }
    if (process.env['FAKE_DAEMON'] === 'crash') process.exit(7)
    return Promise.resolve(new FakeServices())
  }),
)
