import t from 'tap'
import { bookmarkOf, gtkBookmarks } from '../../../src/desktop/gtk-bookmarks.js'

const OURS = bookmarkOf('/home/ann/My B2B', 'B2B drive')

t.test('the bookmark of a directory is its URI and a label', t => {
  t.equal(OURS, 'file:///home/ann/My%20B2B B2B drive')
  t.end()
})

t.test('a bookmark is put behind the others, and taken out from between them', t => {
  t.equal(gtkBookmarks.insert('', OURS), `${OURS}\n`)
  t.equal(gtkBookmarks.insert('file:///srv Server', OURS), `file:///srv Server\n${OURS}\n`)
  t.equal(gtkBookmarks.remove(`file:///srv\n${OURS}\nfile:///home\n`, OURS), 'file:///srv\nfile:///home\n')
  t.equal(gtkBookmarks.remove(`${OURS}\n`, OURS), '')
  t.end()
})

t.test("the user's own bookmark of the drive, or another name for ours, stays as it is", t => {
  const own = 'file:///home/ann/My%20B2B Partners\n'
  t.equal(gtkBookmarks.insert(own, OURS), own)
  t.equal(gtkBookmarks.remove(own, OURS), own)
  t.end()
})
