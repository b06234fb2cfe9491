import t from 'tap'
import { Transports, type TransportLoaders } from '../../../src/daemon/transports.js'
import type { Transport } from '../../../src/transport/transport.js'

const transport = (): Transport => ({
  mount() {
    throw new Error('not in this test')
  },
})
const missing = (what: string) => (): never => {
  throw new Error(`Cannot find module '${what}'\nRequire stack:\n- somewhere`)
}
const kernel = missing('b2bmount.node')
const fuseNative = missing('fuse-native')
const load = (loaders: Partial<TransportLoaders>) =>
  new Transports({ kernel: transport, 'fuse-native': transport, ...loaders })

t.test('our own transport where it is, else the portable one', t => {
  t.equal(load({}).choose().name, 'kernel')
  t.equal(load({ kernel }).choose().name, 'fuse-native')
  t.throws(() => load({ kernel, 'fuse-native': fuseNative }).choose(), { code: 'transport-missing' })
  t.end()
})

t.test('the one that is asked for, or a reason', t => {
  t.equal(load({}).choose('fuse-native').name, 'fuse-native')
  t.throws(() => load({ kernel }).choose('kernel'), {
    code: 'transport-missing',
    message: `The transport "kernel" cannot be loaded (Cannot find module 'b2bmount.node')`,
  })
  t.throws(() => load({ 'fuse-native': fuseNative }).choose('fuse-native'), { code: 'transport-missing' })
  t.end()
})

t.test('the portable one is not even loaded while nobody needs it', t => {
  t.equal(load({ 'fuse-native': () => t.fail('loaded') as never }).choose().name, 'kernel')
  t.end()
})

t.test('doctor says which there is, and why', t => {
  t.match(load({}).check(), { verdict: 'ok', found: /^kernel/ })
  t.match(load({ kernel }).check(), {
    verdict: 'warn',
    found: /^fuse-native.*read-only.*Cannot find module 'b2bmount.node'\)$/,
    nextStep: /scripts\/setup.*b2bmount mount/,
  })
  t.match(load({}).check('kernel'), { verdict: 'ok' })
  t.match(load({}).check('fuse-native'), {
    verdict: 'warn',
    found: /read-only/,
    nextStep: /without --transport/,
  })
  t.match(load({ kernel, 'fuse-native': fuseNative }).check(), { verdict: 'fail', found: /^none/ })
  t.end()
})

t.test('a drive that cannot be written says why, and what to do', t => {
  t.equal(load({}).choose().readOnly, undefined)
  t.match(load({ kernel }).choose().readOnly, {
    why: /b2bmount\.node/,
    nextStep: /scripts\/setup.*b2bmount mount/,
  })
  t.match(load({}).choose('fuse-native').readOnly, { why: /asked for/, nextStep: /without --transport/ })
  t.end()
})
