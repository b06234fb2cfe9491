import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { FoundItems } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { desktopHome } from '../helpers/desktop-home.js'
import { eventually } from '../helpers/desktop-session.js'
import { missingPrograms } from '../helpers/missing-programs.js'

const skip = cannotMount || missingPrograms('Xvfb', 'xdotool', 'dbus-run-session', 'thunar')

t.test(
  'Thunar runs our menu entry for a file of the drive: its page is shown, and nothing is downloaded for that',
  { skip },
  async t => {
    const { sandbox, library, opened, session } = await desktopHome(t)
    session.start('thunar', library)
    await session.focus('Projects')
    // All files, their menu, the last entry but one, and of its submenu the last. Again: Thunar may not have been ready.
    const menu = ['Escape', 'Escape', 'ctrl+a', 'shift+F10', 'Up', 'Up', 'Right', 'Up', 'Return'] as const
    await eventually('the browser is started', async () => {
      await session.keys(...menu)
      return eventually('it is started by these keys', () => existsSync(opened), 8_000).then(
        () => true,
        () => false,
      )
    })
    const [page = ''] = (await readFile(opened, 'utf8')).split('\n')
    t.match(page, /^https:\/\/contoso\.sharepoint\.com\/.*\/Budget%202026\.txt$/)
    const { items } = await sandbox.json<FoundItems>('find', 'budget')
    t.match(items, [{ path: join(library, 'Budget 2026.txt'), kind: 'file', state: 'online-only' }])
  },
)
