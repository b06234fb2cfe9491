/** Mounts an empty drive by fuse-native at the given directory, says so, and ends as it is told. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { detachMount, detachMountNow } from '../../src/daemon/mount-probe.js'
import { isDriveMounted } from '../../src/daemon/mount-table.js'
import { loadFuseNative } from '../../src/transport/fuse-native-package.js'
import { FuseNativeTransport } from '../../src/transport/fuse-native-transport.js'
import { DriveWorld } from '../semantics/drive-world.js'

const [directory = ''] = process.argv.slice(2)
const scratch = mkdtempSync(join(tmpdir(), 'b2b-mounting-'))
const world = new DriveWorld({ directory: scratch })
world.library()
const transport = new FuseNativeTransport({
  binding: loadFuseNative(),
  mounts: { isMounted: isDriveMounted, detach: detachMount, detachNow: detachMountNow },
  onBug: (operation, failure) => console.error(operation, failure),
})
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
try {
  const mount = transport.mount(world.drive, {
    directory,
    readOnly: true,
    allowOther: false,
    passthrough: false,
  })
  process.send?.('mounted')
  process.on('message', (how: 'exit' | 'unmount') => {
    if (how === 'exit') process.exit(7)
    void mount
      .unmount()
      .then(() => world.stop())
      .then(() => process.disconnect())
  })
} catch (failure) {
  process.send?.(String((failure as { code?: unknown }).code))
  process.disconnect()
}
process.on('disconnect', () => {
  // The test has gone, or we have ended; without that the loop runs empty by itself.
  if (process.exitCode === undefined) process.exitCode = 0
})
