import t from 'tap'
import { driveIdOf, itemIdOf } from '../../../src/libraries/sharepoint-ids.js'
import type { ItemId } from '../../../src/model/ids.js'

t.test("an item id is made of its drive's prefix and its GUID", t => {
  // From documented answers: the GUID of the eTag beside the id.
  const root = '01NKDM7HN6Y2GOVW7725BZO354PWSELRRZ' as ItemId
  t.equal(itemIdOf('86eb4c8e-d20d-46b9-ad41-23b8868dda8a', root), '01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK')
  t.equal(
    itemIdOf('ea8cc6be-ffdb-43d7-976f-bc7da445c639', root),
    root,
    'the root has the same GUID in every library',
  )
  t.end()
})

t.test('ids of another shape are left alone', t => {
  for (const id of ['ABC123!456', '', '01NKDM7H', '01nkdm7hn6y2govw7725bzo354pwselrrz']) {
    t.equal(itemIdOf('86eb4c8e-d20d-46b9-ad41-23b8868dda8a', id as ItemId), undefined)
  }
  t.end()
})

t.test('a drive id is made of the GUIDs of site, web and list', t => {
  // Decoded from documented answers.
  const ids = [
    [
      '2e43f466-1013-4a0d-84b5-be9352f99928',
      '1c90c5ed-31c4-4c64-a893-340fb69190d3',
      '5fcc3a5f-05fe-4084-8e53-46ca6558f5b9',
    ],
    [
      'e802ccfb-749b-45e0-af2a-bd5f4140cecb',
      'c893460e-50c8-4497-8f3a-a89e54917f8f',
      'c9b2eb22-0a77-4f29-8fba-922c9c279540',
    ],
  ] as const
  t.same(
    ids.map(([site, web, list]) => driveIdOf(site, web, list)),
    [
      'b!ZvRDLhMQDUqEtb6TUvmZKO3FkBzEMWRMqJM0D7aRkNNfOsxf_gWEQI5TRsplWPW5',
      'b!-8wC6Jt04EWvKr1fQUDOyw5Gk8jIUJdEjzqonlSRf48i67LJdwopT4-6kiycJ5VA',
    ],
  )
  t.end()
})
