import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import t, { type Test } from 'tap'
import type { HydrationReport } from '../../src/control/answers.js'
import { cannotMount } from '../helpers/can-mount.js'
import { DesktopSession, eventually } from '../helpers/desktop-session.js'
import { counters, made, openGallery, type Gallery } from '../helpers/gallery.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import {
  copyTheFirst,
  LETTERS,
  NOTHING,
  PHOTOS,
  showFolder,
  thumbnailsAreShown,
} from '../helpers/thumbnails-on-screen.js'

const TUMBLER = '/usr/share/dbus-1/services/org.xfce.Tumbler.Thumbnailer1.service'

const skip =
  cannotMount ||
  missingPrograms('Xvfb', 'import', 'xdotool', 'dbus-run-session', 'thunar') ||
  (!existsSync(TUMBLER) && 'not installed: tumbler')

async function shown(t: Test): Promise<{ readonly gallery: Gallery; readonly session: DesktopSession }> {
  const gallery = await openGallery(t)
  const session = await DesktopSession.open(t, gallery.sandbox.env)
  await showFolder(gallery, session, 'thunar', gallery.folder)
  await thumbnailsAreShown(gallery, session, [...LETTERS, ...PHOTOS])
  return { gallery, session }
}

t.test(
  'Thunar shows a folder’s thumbnails by itself, downloads nothing for that, and can copy',
  { skip },
  async t => {
    const { gallery, session } = await shown(t).catch(async (failure: unknown) => {
      // Seen once in some dozen runs, on a busy machine: two pictures of eighteen did not come. Not understood yet.
      t.comment(`once more: ${String(failure)}`)
      return await shown(t)
    })
    t.same((await counters(gallery.sandbox)).content, NOTHING)
    await copyTheFirst(t, gallery, session, basename(gallery.sandbox.home), 'Home')
  },
)

t.test(
  'where the service has no thumbnails, tumbler tries in vain, and nothing is downloaded either',
  { skip },
  async t => {
    const gallery = await openGallery(t)
    const { sandbox } = gallery
    await sandbox.admin('PUT', '/thumbnails', { available: false })
    const session = await DesktopSession.open(t, sandbox.env)
    await showFolder(gallery, session, 'thunar', gallery.folder)
    t.match(await made(sandbox), { images: 0, none: 200 })
    await eventually('tumbler has tried', async () => {
      const { refusals } = await sandbox.json<HydrationReport>('status', '--hydrations')
      return refusals.some(({ program }) => program === 'tumblerd')
    })
    t.same((await counters(sandbox)).content, NOTHING)
    t.match(await sandbox.json('status', '--hydrations'), { hydrations: [] })
  },
)
