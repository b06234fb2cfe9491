import t from 'tap'
import type { DaemonStatus } from '../../src/control/answers.js'
import { LocalDirectory } from '../conformance/drive-under-test.js'
import { writeReference } from '../conformance/reference.js'
import { conforms } from '../conformance/suite.js'
import { cannotMountByFuseNative } from '../helpers/can-mount.js'
import { mountDirectory } from '../helpers/mounted-directory.js'

t.test(
  'a library mounted by fuse-native shows and reads like the directory that it is',
  { skip: cannotMountByFuseNative },
  async t => {
    const { sandbox, library, source } = await mountDirectory(t, writeReference, [
      '--transport',
      'fuse-native',
    ])
    const { mounts } = await sandbox.json<DaemonStatus>('status')
    t.match(mounts, [{ transport: 'fuse-native' }])
    await conforms(t, new LocalDirectory(library), source)
  },
)
