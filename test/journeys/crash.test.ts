import t from 'tap'
import { crashTest } from '../../scripts/crash/crash-test.js'
import { powerCut } from '../../scripts/crash/power-cut.js'
import { cannotMount } from '../helpers/can-mount.js'

// By hand: scripts/crash-test, as often as you like.
t.test('nothing that was promised is lost by twenty crashes', { skip: cannotMount }, async t => {
  const { rounds, actions } = await crashTest({ rounds: 20, seed: 20_261_125, longestRound: 1_000 })
  t.equal(rounds, 20)
  t.ok(actions > 50, `${actions} actions`)
})

t.test('what was synced outlives a power cut', { skip: cannotMount }, async t => {
  const { rounds } = await crashTest({ rounds: 3, seed: 20_261_126, longestRound: 1_000, powerCut })
  t.equal(rounds, 3)
})
