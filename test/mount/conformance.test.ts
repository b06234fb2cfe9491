import t from 'tap'
import { LocalDirectory } from '../conformance/drive-under-test.js'
import { writeReference } from '../conformance/reference.js'
import { conforms } from '../conformance/suite.js'
import { cannotMount } from '../helpers/can-mount.js'
import { mountDirectory } from '../helpers/mounted-directory.js'

t.test('a mounted library shows and reads like the directory that it is', { skip: cannotMount }, async t => {
  const { library, source } = await mountDirectory(t, writeReference)
  await conforms(t, new LocalDirectory(library), source)
})
