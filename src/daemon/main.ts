import { runDetached } from './detached.js'
import { openServices } from './services.js'

// Exits even if a subsystem has forgotten to stop something: nothing must keep an unmounted daemon alive.
process.exit(await runDetached(process.argv.slice(2), openServices))
