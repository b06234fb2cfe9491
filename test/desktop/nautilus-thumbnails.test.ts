import { join } from 'node:path'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { DesktopSession } from '../helpers/desktop-session.js'
import { counters, openGallery } from '../helpers/gallery.js'
import { missingPrograms } from '../helpers/missing-programs.js'
import {
  copyTheFirst,
  FIRST,
  LETTERS,
  NOTHING,
  showFolder,
  thumbnailsAreShown,
} from '../helpers/thumbnails-on-screen.js'

const skip = cannotMount || missingPrograms('Xvfb', 'import', 'xdotool', 'dbus-run-session', 'nautilus')

t.test(
  'GNOME Files shows a folder’s thumbnails by itself, downloads nothing for that, and can copy',
  { skip },
  async t => {
    const gallery = await openGallery(t)
    const session = await DesktopSession.open(t, gallery.sandbox.env)
    await showFolder(gallery, session, 'nautilus', '--select', join(gallery.folder, FIRST))
    await thumbnailsAreShown(gallery, session, LETTERS)
    t.same((await counters(gallery.sandbox)).content, NOTHING)
    await copyTheFirst(t, gallery, session, '^Home$')
  },
)
