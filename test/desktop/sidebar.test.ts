import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { openSandbox } from '../../scripts/sandbox.js'
import { cannotMount } from '../helpers/can-mount.js'
import { missingPrograms } from '../helpers/missing-programs.js'

const skip = cannotMount || missingPrograms('gio', 'dbus-run-session')

// Sidebars show the mounts that GIO shows, and the bookmarks.
for (const place of ['B2B', '.hidden/B2B'] as const) {
  t.test(`a drive at ~/${place} is in the sidebars once`, { skip }, async t => {
    const sandbox = await openSandbox()
    t.teardown(() => sandbox.close())
    const drive = join(sandbox.home, place)
    await sandbox.json('mount', drive)
    await sandbox.json('desktop', 'install')
    const { stdout } = await promisify(execFile)('dbus-run-session', ['--', 'gio', 'mount', '-l'], {
      env: sandbox.env,
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    const uri = pathToFileURL(drive).href
    const bookmarks = await readFile(join(sandbox.home, '.config/gtk-3.0/bookmarks'), 'utf8').catch(() => '')
    const entries = [...stdout.split('\n'), ...bookmarks.split('\n')].filter(line => line.includes(uri))
    t.equal(entries.length, 1, `${stdout}${bookmarks}`)
  })
}
