import t from 'tap'
import { joinedEvidence, sameContent, type ContentEvidence } from '../../../src/model/same-content.js'

const known: ContentEvidence = { size: 10, quickXorHash: 'h1', cTag: 'c1', eTag: 'e1', modified: 1 }

t.test('a rename changes the eTag, not the content', t => {
  t.ok(sameContent(known, { ...known, eTag: 'e2' }))
  t.ok(sameContent(known, { ...known, eTag: 'e2', quickXorHash: undefined }))
  t.end()
})

t.test('the hash decides, where both have one', t => {
  t.ok(sameContent(known, { ...known, cTag: 'c2', eTag: 'e2', modified: 2 }))
  t.notOk(sameContent(known, { ...known, quickXorHash: 'h2' }))
  t.notOk(sameContent(known, { ...known, size: 11 }))
  t.end()
})

t.test('a delta without cTag and hash is compared by its eTag', t => {
  const delta = { ...known, quickXorHash: undefined, cTag: undefined }
  t.ok(sameContent(known, delta))
  t.notOk(sameContent(known, { ...delta, eTag: 'e2' }), 'better downloaded again than mixed')
  t.notOk(sameContent({ ...delta, eTag: undefined }, { ...delta, eTag: undefined, modified: 2 }))
  t.end()
})

t.test('evidence of an earlier answer holds where the newer one has none', t => {
  const newer: ContentEvidence = { ...known, quickXorHash: undefined, cTag: undefined, eTag: 'e2' }
  t.same(joinedEvidence(newer, known), { ...known, eTag: 'e2' })
  t.end()
})
