import t from 'tap'
import { checkLocalName, isIgnored, looksHalfWritten, staysHere } from '../../../src/model/local-name.js'

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
    '#plan.txt#',
    '.xdp-pw.kdbx-Ab12Cd',
    '.swp',
    '.plan.txt.kate-swp',
    '.pw.kdbx.lock',
    'plan.java___jb_tmp___',
    '.syncthing.plan.txt.tmp',
    '~syncthing~plan.txt.tmp',
    '~WRL0005.tmp',
    'lu4711abcdef.tmp',
  ]) {
    t.ok(staysHere(name), name)
    t.doesNotThrow(() => checkLocalName(name), name)
  }
  const others = [
    'plan.docx',
    'lock',
    '49130',
    'swp',
    'film.swf',
    'Cargo.lock',
    '#1 plan',
    'C#',
    '#',
    '##',
    'a#b#',
  ]
  for (const name of others) t.notOk(staysHere(name), name)
  t.end()
})

t.test(
  'what programs call half-written files, and a person might call a file, is known, and stays nowhere',
  t => {
    for (const name of [
      'pw.kdbx.Ab12Cd',
      'doc.txt.AbCdEf',
      '.plan.odt.x7YzQ1',
      '.org.chromium.Chromium.Ab12Cd',
      'sedAB12cd',
      'ziAbCdEf',
      'film.mkv.part',
      'setup.exe.crdownload',
      'a.7z.tmp',
      'a.7z.tmp1',
      '5A3F1C20.tmp',
      'photo.jpg_exiftool_tmp',
      'disk.iso.!qB',
      '77aabb-tmp-123456789',
    ]) {
      t.ok(looksHalfWritten(name), name)
      t.notOk(staysHere(name), name)
    }
    for (const name of [
      'a.sketch',
      'notes.backup',
      'a.sqlite',
      'sedate',
      'sediment',
      'part',
      'tmp',
      'a.tar.gz',
      'a.DOCUMENT',
      'README',
    ])
      t.notOk(looksHalfWritten(name), name)
    t.end()
  },
)

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
