import t from 'tap'
import type { ItemId } from '../../../src/model/ids.js'
import { distinctName, hasBetterClaim, LONGEST_NAME, shownName } from '../../../src/model/item-name.js'

const id = '01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK' as ItemId

/** Every promise of docs/SEMANTICS.md, "Names", that holds for any name. */
function isSafe(name: string): boolean {
  const length = Buffer.byteLength(name)
  const wellFormed = Buffer.from(name, 'utf8').toString('utf8') === name
  return wellFormed && length >= 1 && length <= LONGEST_NAME && !/[/\u0000-\u001F\u007F-\u009F]/.test(name)
}

t.test('an ordinary name is shown as it is', t => {
  for (const name of [
    'Budget 2026.xlsx',
    'Grüße.txt',
    '予算.xlsx',
    '.hidden',
    '...',
    'a..b',
    'x'.repeat(255),
  ]) {
    t.equal(shownName(name, id), name)
  }
  t.end()
})

t.test('names that differ in case or in normalization stay different', t => {
  t.equal(shownName('README', id), 'README')
  t.equal(shownName('\u00e9', id), '\u00e9')
  t.equal(shownName('e\u0301', id), 'e\u0301')
  t.end()
})

t.test('what would lead elsewhere or upset a terminal is replaced', t => {
  const shown = new Map([
    ['a/b', 'a\uFF0Fb'],
    ['../../etc/passwd', '..\uFF0F..\uFF0Fetc\uFF0Fpasswd'],
    ['.', '\uFF0E'],
    ['..', '\uFF0E\uFF0E'],
    ['a\0b', 'a\u2400b'],
    ['a\nb\x1b[31m', 'a\u240Ab\u241B[31m'],
    ['a\x7fb', 'a\u2421b'],
    ['a\u0085b\u009b', 'a\uFFFDb\uFFFD'],
    ['a\ud800b', 'a\uFFFDb'],
  ])
  for (const [remote, name] of shown) t.equal(shownName(remote, id), name)
  t.match(shownName('', id), /^unnamed~[0-9a-f]{8}$/)
  t.end()
})

t.test('a name of more than 255 bytes is cut between characters, and keeps its extension', t => {
  const long = shownName(`${'ü'.repeat(200)}.docx`, id)
  t.match(long, /^ü+~[0-9a-f]{8}\.docx$/)
  t.ok(Buffer.byteLength(long) <= LONGEST_NAME)
  t.ok(Buffer.byteLength(long) > LONGEST_NAME - 2)
  t.match(shownName('😀'.repeat(100), id), /^(😀)+~[0-9a-f]{8}$/u)
  t.match(shownName(`${'x'.repeat(200)}.${'y'.repeat(200)}`, id), /^x{200}\.y+~[0-9a-f]{8}$/)
  t.end()
})

t.test('a tag goes before the extension, and gets longer with each attempt', t => {
  t.match(distinctName('report.pdf', id), /^report~[0-9a-f]{8}\.pdf$/)
  t.match(distinctName('report.pdf', id, 1), /^report~[0-9a-f]{16}\.pdf$/)
  t.match(distinctName('.bashrc', id), /^\.bashrc~[0-9a-f]{8}$/)
  t.ok(Buffer.byteLength(distinctName('x'.repeat(255), id)) <= LONGEST_NAME)
  t.end()
})

t.test('who is really called so keeps the name, else the smaller id', t => {
  const [small, large] = ['A' as ItemId, 'B' as ItemId]
  const exact = { remoteName: 'a\uFF0Fb', id: large }
  const mapped = { remoteName: 'a/b', id: small }
  t.ok(hasBetterClaim('a\uFF0Fb', exact, mapped))
  t.notOk(hasBetterClaim('a\uFF0Fb', mapped, exact))
  t.ok(hasBetterClaim('x', { remoteName: 'x', id: small }, { remoteName: 'x', id: large }))
  t.end()
})

t.test('whatever the other side calls it, the shown name is safe', t => {
  let state = 20_261_123
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const pieces = [
    '/',
    '..',
    '.',
    '\0',
    '\x1f',
    '\x7f',
    '\u0080',
    '\ud83d',
    '\ude00',
    'a',
    'é',
    '予',
    '😀',
    ' ',
    '~',
  ]
  const unsafe: unknown[] = []
  for (let round = 0; round < 20_000; round++) {
    const name = Array.from({ length: random(300) }, () => pieces[random(pieces.length)]).join('')
    const shown = shownName(name, id)
    const tagged = distinctName(shown, id, random(9))
    if (!isSafe(shown) || !isSafe(tagged)) unsafe.push({ name, shown, tagged })
  }
  t.same(unsafe, [])
  t.end()
})
