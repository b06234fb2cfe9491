import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { gtkBookmarks } from '../../../src/desktop/gtk-bookmarks.js'
import type { InsertionKind } from '../../../src/desktop/insertion.js'
import { Installer, type Plan } from '../../../src/desktop/installer.js'
import { openHome } from '../cli/run.js'

interface Change {
  readonly path: string
  readonly outcome: string
  readonly why?: string
}

/** A user's home, without what this machine has configured. */
function desktopHome(t: Test) {
  const home = openHome(t, { XDG_CONFIG_DIRS: '/nowhere' })
  const user = home.environment['HOME'] ?? ''
  home.environment['XDG_STATE_HOME'] = join(user, 'state')
  const desktop = async (what: 'install' | 'uninstall', ...more: string[]) => {
    const { exitCode, stdout } = await home.run('desktop', what, '--json', ...more)
    t.equal(exitCode, 0, stdout)
    return (JSON.parse(stdout) as { files: Change[] }).files
  }
  const at = (...names: string[]) => join(user, ...names)
  return { home, user, desktop, at }
}

function everyPath(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
}

function put(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

t.test('what install has put there, uninstall takes away, and leaves nothing', async t => {
  const { user, desktop, at } = desktopHome(t)
  const installed = await desktop('install')
  t.ok(installed.length > 8)
  t.ok(installed.every(({ outcome, path }) => outcome === 'written' && existsSync(path)))
  t.equal(statSync(at('.local/share/kio/servicemenus/b2bmount.desktop')).mode & 0o777, 0o755)
  t.notOk(existsSync(at('.config/gtk-3.0/bookmarks')), 'a mount below the home is shown by itself')

  const again = await desktop('install')
  t.ok(again.every(({ outcome }) => outcome === 'unchanged'))

  // As Files does when it loads the extension.
  const extensions = at('.local/share/nautilus-python/extensions')
  execFileSync('python3', ['-m', 'compileall', '-q', extensions])
  t.equal(readdirSync(join(extensions, '__pycache__')).length, 1)

  const removed = await desktop('uninstall')
  t.ok(removed.every(({ outcome }) => outcome === 'removed'))
  t.same(everyPath(user), [], 'no directory either')
  t.same(await desktop('uninstall'), [], 'twice is fine')
})

t.test("the user's own files come through install and uninstall as they were", async t => {
  const { user, desktop, at } = desktopHome(t)
  const bookmarks = 'file:///srv/data Data\nfile:///home/ann/Music'
  const actions = '<?xml version="1.0"?>\n<actions>\n<action>\n\t<name>Mine</name>\n</action>\n</actions>\n'
  const dotfiles = at('dotfiles', 'bookmarks')
  put(dotfiles, bookmarks)
  mkdirSync(at('.config/gtk-3.0'), { recursive: true })
  symlinkSync(dotfiles, at('.config/gtk-3.0/bookmarks'))
  put(at('.config/Thunar/uca.xml'), actions)
  put(at('.local/share/applications/other.desktop'), 'mine')
  const before = everyPath(user)

  await desktop('install', '--drive', '/mnt/partners')
  t.equal(
    readFileSync(dotfiles, 'utf8'),
    `${bookmarks}\nfile:///mnt/partners B2B drive\n`,
    'through the link',
  )
  t.match(readFileSync(at('.config/Thunar/uca.xml'), 'utf8'), /<name>Mine<[\s\S]*<unique-id>b2bmount-pin</)

  await desktop('uninstall')
  t.same(everyPath(user), before)
  t.equal(readFileSync(dotfiles, 'utf8'), `${bookmarks}\n`)
  t.equal(readFileSync(at('.config/Thunar/uca.xml'), 'utf8'), actions)
})

t.test('what the user has changed is neither overwritten nor removed', async t => {
  const { desktop, at } = desktopHome(t)
  const elsewhere = ['--drive', '/mnt/partners']
  await desktop('install', ...elsewhere)
  const menu = at('.local/share/kio/servicemenus/b2bmount.desktop')
  appendFileSync(menu, '# mine now\n')
  const bookmarks = at('.config/gtk-3.0/bookmarks')
  writeFileSync(bookmarks, readFileSync(bookmarks, 'utf8').replace('B2B drive', 'Partners'))

  t.match(
    (await desktop('install', ...elsewhere)).find(({ path }) => path === menu),
    { outcome: 'kept', why: 'you have changed it' },
  )
  t.match(
    (await desktop('uninstall')).find(({ path }) => path === menu),
    { outcome: 'kept' },
  )
  t.match(readFileSync(menu, 'utf8'), /# mine now\n$/)
  t.match(readFileSync(bookmarks, 'utf8'), /partners Partners\n$/)
})

t.test('a file of the same name that is not ours stays, and a link or directory in its place', async t => {
  const { desktop, at } = desktopHome(t)
  const application = at('.local/share/applications/b2bmount.desktop')
  put(application, "somebody else's\n")
  const icon = at('.local/share/icons/hicolor/scalable/apps/b2bmount.svg')
  const elsewhere = at('precious.svg')
  put(elsewhere, 'precious')
  mkdirSync(dirname(icon), { recursive: true })
  symlinkSync(elsewhere, icon)

  for (const what of ['install', 'uninstall'] as const) {
    await desktop(what)
    t.equal(readFileSync(application, 'utf8'), "somebody else's\n", what)
    t.equal(readFileSync(elsewhere, 'utf8'), 'precious', what)
  }
  t.ok(existsSync(icon))
})

t.test('after the program or the drive has moved, install replaces what it had written', async t => {
  const { user, desktop, at } = desktopHome(t)
  await desktop('install')
  await desktop('install', '--drive', '/mnt/partners')
  t.equal(readFileSync(at('.config/gtk-3.0/bookmarks'), 'utf8'), 'file:///mnt/partners B2B drive\n')
  t.match(readFileSync(at('.local/share/applications/b2bmount.desktop'), 'utf8'), / show \/mnt\/partners\n/)
  await desktop('install', '--drive', join(user, 'B2B'))
  t.notOk(existsSync(at('.config/gtk-3.0/bookmarks')), 'back below the home')
  await desktop('uninstall')
  t.same(everyPath(user), [])
})

t.test('a crash in the middle leaves nothing that uninstall does not find', async t => {
  const { user, at } = desktopHome(t)
  let left = Number.POSITIVE_INFINITY
  const crashing: InsertionKind = {
    ...gtkBookmarks,
    insert(content, block) {
      if (left-- === 0) throw new Error('as if the machine had stopped here')
      return gtkBookmarks.insert(content, block)
    },
  }
  const plan = (version: string): Plan => ({
    files: [{ path: at('data/a'), content: `a ${version}`, mode: 0o644 }],
    insertions: [
      { path: at('config/places'), kind: crashing, blocks: [`file:///${version} B2B`], template: '' },
    ],
  })
  const installer = () => new Installer({ recordFile: at('state/record.json'), kinds: [crashing] })

  for (const callsBeforeCrash of [0, 1, 2]) {
    left = Number.POSITIVE_INFINITY
    if (callsBeforeCrash > 0) await installer().install(plan('1'))
    left = callsBeforeCrash
    await installer()
      .install(plan('2'))
      .catch(() => undefined)
    left = Number.POSITIVE_INFINITY
    await installer().uninstall()
    t.same(everyPath(user), [], `after ${callsBeforeCrash} calls`)
  }
})
