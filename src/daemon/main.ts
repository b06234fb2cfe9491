import { runDetached } from './detached.js'
import { endProcess } from './process-end.js'
import { openServices } from './services.js'

// Also if a subsystem has forgotten to stop something: nothing must keep an unmounted daemon alive.
endProcess(await runDetached(process.argv.slice(2), openServices))
