import { join } from 'node:path'
import t from 'tap'
import { PROGRAMS } from '../../scripts/foreign/campaign.js'
import { Ground } from '../../scripts/foreign/ground.js'
import { missingFor, tryProgram } from '../../scripts/foreign/trial.js'
import { cannotMount } from '../helpers/can-mount.js'

// By hand, and longer: scripts/programs. SEMANTICS, "Writing" and "What goes back, and when": what they promise is compared after
// each step, by SHA-256, with contents whose changes QuickXorHash does not see.
t.setTimeout(900_000)

t.test('programs that nobody here wrote work on the drive', { skip: cannotMount }, async t => {
  const mounted: { ground?: Ground } = {}
  // Before `t.testdir()`, which tap would remove first otherwise.
  t.teardown(() => mounted.ground?.close())
  // Below the clone, where it is unmounted also when this process is killed.
  const ground = (mounted.ground = await Ground.open(join(t.testdir(), 'B2B')))
  for (const program of PROGRAMS) {
    await t.test(program.name, { skip: missingFor(program) }, async t => {
      const { problems, seconds } = await tryProgram(ground, program, 'short')
      t.same(problems, [], `${seconds.toFixed(1)} s`)
    })
  }
})
