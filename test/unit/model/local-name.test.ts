import t from 'tap'
import { checkLocalName, isIgnored, staysHere } from '../../../src/model/local-name.js'

t.test('names that SharePoint refuses are refused when they are given', t => {
  for (const name of [
    'a:b',
    'a"b',
    'a*b',
    'a<b',
    'a>b',
    'a?b',
    'a\\b',
    'a|b',
    'a\u0001',
    ' a',
    'a ',
    'a.',
    'CON',
    'com1',
  ])
    t.throws(() => checkLocalName(name), { code: 'name-refused' }, JSON.stringify(name))
  for (const name of ['.lock', 'desktop.ini', 'x_vti_y', '.Trash', '.Trash-1000'])
    t.throws(() => checkLocalName(name), { code: 'name-refused' }, name)
  t.throws(() => checkLocalName('x'.repeat(256)), { code: 'name-too-long' })
  for (const name of ['a.txt', '.hidden', 'a#b%c', 'Ünïcode 文書.docx', 'x'.repeat(255), 'console', 'com10'])
    t.doesNotThrow(() => checkLocalName(name), name)
  t.end()
})

t.test("programs' locks, swap files and halves stay here, whatever is in their names", t => {
  for (const name of [
    '~$plan.docx',
    '.~lock.plan.odt#',
    '.goutputstream-ABC',
    '.plan.txt.swp',
    '4913',
    '.#plan',
  ]) {
    t.ok(staysHere(name), name)
    t.doesNotThrow(() => checkLocalName(name), name)
  }
  for (const name of ['plan.docx', 'lock', '49130', 'swp']) t.notOk(staysHere(name), name)
  t.end()
})

t.test('an administrator names what is never sent, with wildcards, in any case', t => {
  for (const [name, pattern, expected] of [
    ['mail.PST', '*.pst', true],
    ['mail.pst.txt', '*.pst', false],
    ['a.b', 'a?b', true],
    ['axb', 'a.b', false],
    ['a(1)', 'a(?)', true],
    ['anything', '*', true],
  ] as const) {
    t.equal(isIgnored(name, ['other', pattern]), expected, `${name} ${pattern}`)
  }
  t.notOk(isIgnored('x', []))
  t.end()
})
