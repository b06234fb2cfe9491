import t from 'tap'
import { accessOf } from '../../../src/libraries/base-permissions.js'

const LEVELS: readonly (readonly [string, unknown, unknown, 'read' | 'write'])[] = [
  ['Read', '176', '138612833', 'read'],
  ['Contribute', '432', '1011030767', 'write'],
  ['Full Control', '2147483647', '4294967295', 'write'],
  ['Full Control, as seen elsewhere', '2147483647', '4294705151', 'write'],
  ['view and add', '0', '3', 'write'],
  ['view and edit', '0', '5', 'write'],
  ['view and delete', '0', '9', 'write'],
  ['view only', '0', '1', 'read'],
]

for (const [level, High, Low, access] of LEVELS) {
  t.test(`${level} lets ${access}`, t => {
    t.equal(accessOf({ High, Low }), access)
    t.equal(accessOf({ 'odata.metadata': 'x', High, Low }), access)
    t.end()
  })
}

t.test('a mask that does not let us see what we see is not ours', t => {
  // "Limited Access": rights are further down.
  t.equal(accessOf({ High: '48', Low: '134287360' }), 'unknown')
  t.equal(accessOf({ High: '0', Low: '0' }), 'unknown')
  t.equal(accessOf({ High: '0', Low: '14' }), 'unknown')
  t.end()
})

t.test('what is no pair of 32-bit numbers is not known', t => {
  const hostile: readonly unknown[] = [
    undefined,
    '',
    ' 5',
    '5 ',
    '-1',
    '-1011030767',
    '+5',
    '0x5',
    '5.0',
    '5e0',
    '4294967296',
    '4294967301',
    '18446744073709551615',
    '9'.repeat(10_000),
    'NaN',
    'Infinity',
    '٥',
    'five',
    null,
    true,
    ['5'],
    { value: '5' },
    -1,
    5.5,
    Number.MAX_VALUE,
    5,
  ]
  for (const value of hostile) {
    const shown = JSON.stringify(value)?.slice(0, 40) ?? 'missing'
    t.equal(accessOf({ High: '0', Low: value }), 'unknown', `Low: ${shown}`)
    t.equal(accessOf({ High: value, Low: '5' }), 'unknown', `High: ${shown}`)
  }
  for (const answer of [
    undefined,
    null,
    '5',
    [],
    {},
    { d: { High: '0', Low: '5' } },
    { low: '5', high: '0' },
  ]) {
    t.equal(accessOf(answer), 'unknown', JSON.stringify(answer) ?? 'nothing')
  }
  t.end()
})
