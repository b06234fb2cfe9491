import t from 'tap'
import { compareContents, joinedEvidence, type ContentEvidence } from '../../../src/model/same-content.js'
import { looksAsSent, isOfSent } from '../../../src/model/sent-bytes.js'
import { fileItem } from '../../semantics/drive-world.js'

const SECOND = 1_000
const known: ContentEvidence = { size: 10, quickXorHash: 'h1', cTag: 'c1', eTag: 'e1', modified: SECOND }
const NOTHING: ContentEvidence = {
  size: undefined,
  quickXorHash: undefined,
  cTag: undefined,
  eTag: undefined,
  modified: undefined,
}

t.test('a rename changes the eTag, not the content', t => {
  t.equal(compareContents(known, { ...known, eTag: 'e2' }), 'same')
  t.equal(compareContents(known, { ...known, eTag: 'e2', quickXorHash: undefined }), 'same')
  t.end()
})

t.test('size and hash prove difference, also where a tag is the same', t => {
  t.equal(compareContents(known, { ...known, quickXorHash: 'h2' }), 'other')
  t.equal(compareContents(known, { ...known, size: 11 }), 'other')
  t.end()
})

t.test('equal size and hash prove nothing', t => {
  t.equal(compareContents(known, { ...known, cTag: 'c2', eTag: 'e2' }), 'other', 'the cTag says otherwise')
  const delta = { ...known, cTag: undefined, eTag: 'e2' }
  t.equal(compareContents(known, delta), 'alike', 'not even with the same time')
  t.equal(compareContents(known, { ...delta, modified: 2 * SECOND }), 'unsure')
  t.equal(compareContents(known, { ...delta, quickXorHash: undefined }), 'unsure')
  t.end()
})

t.test(
  'no combination of evidence without a tag says that two contents are the same, but the very same description',
  t => {
    const values = {
      size: [10, undefined],
      quickXorHash: ['h1', undefined],
      modified: [SECOND, undefined],
    } as const
    for (const size of values.size)
      for (const quickXorHash of values.quickXorHash)
        for (const modified of values.modified) {
          const one = { ...NOTHING, size, quickXorHash, modified }
          t.not(compareContents({ ...one, eTag: 'e1' }, { ...one, eTag: 'e2' }), 'same')
          t.not(compareContents({ ...one, eTag: 'e1' }, one), 'same')
          t.not(compareContents({ ...one, cTag: 'c1' }, one), 'same')
          t.equal(compareContents(one, one), 'same', 'a service without tags')
        }
    t.end()
  },
)

t.test('evidence of an earlier answer holds where the newer one has none', t => {
  const newer: ContentEvidence = { ...known, quickXorHash: undefined, cTag: undefined, eTag: 'e2' }
  t.same(joinedEvidence(newer, known), { ...known, eTag: 'e2' })
  t.end()
})

t.test('what was sent is known by size, hash and time together', t => {
  const item = fileItem('i', 'a.bin', Buffer.from('bytes'))
  const sent = { hash: item.quickXorHash ?? '', size: item.size, modified: item.modified + 1 }
  t.ok(looksAsSent(item, sent))
  t.notOk(looksAsSent(item, undefined))
  t.notOk(looksAsSent(item, { ...sent, modified: item.modified + SECOND }), 'somebody has saved it since')
  t.notOk(looksAsSent(item, { ...sent, size: 6 }))
  t.notOk(looksAsSent(item, { ...sent, hash: 'another' }))
  t.notOk(looksAsSent({ ...item, kind: 'folder' }, sent))
  t.end()
})

t.test('what SharePoint has made of it is known by its time', t => {
  const item = fileItem('i', 'a.docx', Buffer.from('with properties'))
  const sent = { hash: 'of what was sent', size: 5, modified: item.modified }
  t.notOk(looksAsSent(item, sent))
  t.ok(isOfSent(item, sent))
  t.notOk(isOfSent({ ...item, name: 'a.bin' }, sent))
  t.notOk(isOfSent(item, { ...sent, modified: 0 }))
  t.end()
})
