import { mkdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import { systemClock } from '../../src/concurrency/clock.js'
import { pathsFor } from '../../src/control/paths.js'
import { build } from '../../src/daemon/build.js'
import type { Cloud } from '../../src/model/cloud.js'
import { FileSystemDrive } from '../conformance/file-system-drive.js'
import { writeReference } from '../conformance/reference.js'
import { conforms } from '../conformance/suite.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'

const silent = { error() {}, warn() {}, info() {}, debug() {} }

t.test('the file system, without a kernel, shows and reads like the directory that it is', async t => {
  const source = await temporaryDirectory(t)
  await writeReference(source)
  const sandbox = await openSandbox({ emulator: ['--library', `contoso/Projects=${source}`] })
  t.teardown(() => sandbox.close())
  await sandbox.json('sign-in')
  const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
  const { library } = await sandbox.json<{ library: { organization: string; name: string } }>(
    'add',
    addresses['contoso projects'] ?? 'no such library',
  )
  // The daemon leaves its store and account to this process.
  await sandbox.json('stop')
  const cloud = JSON.parse(await readFile(sandbox.cloudFile, 'utf8')) as Cloud
  const paths = pathsFor(cloud.name, sandbox.env)
  await mkdir(paths.cacheDirectory, { recursive: true })
  const { drive, http, store } = build({ cloud, config: {}, paths, log: silent, clock: systemClock })
  t.teardown(async () => {
    await drive.close()
    await http.close()
    store.close()
  })
  await conforms(t, new FileSystemDrive(drive, [library.organization, library.name]), source)
})
