import t from 'tap'
import { defaultFor, mimeDefaults } from '../../../src/desktop/mime-defaults.js'

const OURS = defaultFor('odopen', 'b2bmount-odopen.desktop')
const there = `[Default Applications]\n${OURS}\n`

t.test('the line is put into its section, and taken out of it', t => {
  const others =
    '[Added Associations]\ntext/plain=vim.desktop\n\n[Default Applications]\ntext/html=firefox.desktop\n'
  const both = others.replace('text/html', `${OURS}\ntext/html`)
  t.equal(mimeDefaults.insert(others, OURS), both)
  t.equal(mimeDefaults.insert(both, OURS), both)
  t.equal(mimeDefaults.remove(both, OURS), others)
  t.equal(mimeDefaults.remove(both.replace(OURS, `${OURS};`), OURS), others, 'as GLib writes it')
  t.equal(mimeDefaults.remove(others, OURS), others)
  t.end()
})

t.test('a section that is made for it goes with it', t => {
  for (const content of ['', '[Added Associations]\ntext/plain=vim.desktop\n']) {
    t.equal(mimeDefaults.insert(content, OURS), content + there)
    t.equal(mimeDefaults.remove(content + there, OURS), content)
  }
  t.end()
})

t.test('a program that the user has chosen stays', t => {
  const own = '[Default Applications]\nx-scheme-handler/odopen=mine.desktop\n'
  t.equal(mimeDefaults.insert(own, OURS), own)
  t.equal(mimeDefaults.remove(own, OURS), own)
  t.equal(
    mimeDefaults.insert(`${own}[Removed Associations]\n${OURS}\n`, OURS),
    `${own}[Removed Associations]\n${OURS}\n`,
  )
  t.end()
})
