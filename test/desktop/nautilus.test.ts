import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { desktopHome } from '../helpers/desktop-home.js'
import { eventually } from '../helpers/desktop-session.js'
import { missingPrograms } from '../helpers/missing-programs.js'

const EXTENSION_LOADER = '/var/lib/dpkg/info/python3-nautilus.list'

const skip =
  cannotMount ||
  missingPrograms('Xvfb', 'import', 'dbus-run-session', 'nautilus') ||
  (!existsSync(EXTENSION_LOADER) && 'not installed: python3-nautilus')

/** Of the emblems' drawings. */
const LOCAL_GREEN = { red: 0x1f, green: 0x8a, blue: 0x44 }
const ONLINE_BLUE = { red: 0x1a, green: 0x6f, blue: 0xc4 }

t.test(
  'GNOME Files shows by an emblem that a file is online-only, and another when it has become local',
  { skip },
  async t => {
    const { library, session } = await desktopHome(t)
    session.start('nautilus', '--new-window', library)
    await eventually('the cloud is shown', async () => (await session.count(ONLINE_BLUE)) > 5)
    t.equal(await session.count(LOCAL_GREEN), 0)
    const [name = ''] = await readdir(library)
    await readFile(join(library, name))
    await eventually('the tick is shown', async () => (await session.count(LOCAL_GREEN)) > 5)
    t.equal(await session.count(ONLINE_BLUE), 0)
  },
)
