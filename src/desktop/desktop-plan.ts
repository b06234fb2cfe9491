import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BaseDirectories } from '../control/paths.js'
import { desktopExec, type Command } from './command-words.js'
import { bookmarkOf, gtkBookmarks } from './gtk-bookmarks.js'
import type { Plan, PlannedFile, PlannedInsertion } from './installer.js'
import { MENU, menuCommand } from './menu.js'
import { isShownMount, mountPointOf } from './shown-mount.js'
import { actionBlock, NO_ACTIONS, thunarActions } from './thunar-actions.js'
import { defaultFor, mimeDefaults } from './mime-defaults.js'
import { readUserFile } from './user-file.js'

export interface DesktopPlanOptions {
  readonly directories: BaseDirectories
  /** Absolute: what runs `b2bmount` for this drive, also from a session that has another PATH. */
  readonly program: Command
  /** Where the drive is mounted. Absolute. */
  readonly drive: string
}

export const DESKTOP_KINDS = [gtkBookmarks, thunarActions, mimeDefaults] as const

const EMBLEMS = [
  'online-only',
  'locally-available',
  'always-available',
  'syncing',
  'needs-attention',
] as const
const LINK_SCHEME = 'odopen'
const LINK_ENTRY = 'b2bmount-odopen.desktop'
const PLAIN = 0o644
/** KDE runs no service menu without it. */
const EXECUTABLE = 0o755

/** Everything that makes the drive a part of the desktop. docs/DESKTOP.md says what each file does. */
export async function desktopPlan(options: DesktopPlanOptions): Promise<Plan> {
  const { directories, program } = options
  const share = (...names: readonly string[]) => join(directories.data, ...names)
  const files: PlannedFile[] = [
    {
      path: share('nautilus-python', 'extensions', 'b2bmount.py'),
      content: await nautilusExtension(program),
      mode: PLAIN,
    },
    {
      path: share('kio', 'servicemenus', 'b2bmount.desktop'),
      content: kdeServiceMenu(program),
      mode: EXECUTABLE,
    },
    { path: share('applications', 'b2bmount.desktop'), content: application(options), mode: PLAIN },
    { path: share('applications', LINK_ENTRY), content: linkHandler(options), mode: PLAIN },
    await icon(share('icons', 'hicolor', 'scalable', 'apps'), 'b2bmount.svg'),
  ]
  for (const state of EMBLEMS) {
    files.push(await icon(share('icons', 'hicolor', 'scalable', 'emblems'), `emblem-b2bmount-${state}.svg`))
  }
  const places = isShownMount(await mountPointOf(options.drive), directories.home) ? [] : [bookmark(options)]
  return { files, insertions: [...places, await thunar(options), syncButton(options)] }
}

/** Of its modification time all caches of icons know whether they are still good. */
export function iconTheme(directories: BaseDirectories): string {
  return join(directories.data, 'icons', 'hicolor')
}

async function nautilusExtension(program: Command): Promise<string> {
  const source = await readAsset('nautilus.py')
  // A list of strings in JSON is one in Python, too.
  const command = JSON.stringify([...program, 'desktop-action'])
  return source.replace('COMMAND = []', () => `COMMAND = ${command}`)
}

/** @see https://develop.kde.org/docs/apps/dolphin/service-menus/ */
function kdeServiceMenu(program: Command): string {
  const header = [
    '[Desktop Entry]',
    'Type=Service',
    // Every file is one of these.
    'MimeType=application/octet-stream;inode/directory;',
    // For KDE 5, which does not look at where the file is.
    'ServiceTypes=KonqPopupMenu/Plugin',
    'X-KDE-Protocol=file',
    'X-KDE-Submenu=B2B drive',
    'Icon=b2bmount',
    `Actions=${MENU.map(({ verb }) => verb).join(';')};`,
  ]
  const actions = MENU.flatMap(({ verb, name, icon: iconName, files }) => [
    '',
    `[Desktop Action ${verb}]`,
    `Name=${name}`,
    `Icon=${iconName}`,
    `Exec=${desktopExec(menuCommand(program, verb))} ${files === 'one' ? '%f' : '%F'}`,
  ])
  return `${[...header, ...actions].join('\n')}\n`
}

/** A click on it shows the drive, and mounts it before if need be. */
function application({ program, drive }: DesktopPlanOptions): string {
  return `${[
    '[Desktop Entry]',
    'Type=Application',
    'Version=1.5',
    'Name=B2B drive',
    'Comment=Libraries that other organizations share with you',
    'Icon=b2bmount',
    `Exec=${desktopExec([...menuCommand(program, 'show'), drive])}`,
    'Terminal=false',
    'StartupNotify=false',
    'Categories=Network;FileTools;',
    'Keywords=SharePoint;OneDrive;Microsoft 365;guest;',
  ].join('\n')}\n`
}

/** What the Sync button of SharePoint's pages opens. Not among the applications: without an address it does nothing. */
function linkHandler({ program, drive }: DesktopPlanOptions): string {
  return `${[
    '[Desktop Entry]',
    'Type=Application',
    'Version=1.5',
    'Name=B2B drive',
    'Comment=Adds a library when you click on Sync',
    'Icon=b2bmount',
    `Exec=${desktopExec([...program, 'open-link', '--drive', drive])} %u`,
    'Terminal=false',
    'StartupNotify=false',
    'NoDisplay=true',
    `MimeType=x-scheme-handler/${LINK_SCHEME};`,
  ].join('\n')}\n`
}

function syncButton({ directories }: DesktopPlanOptions): PlannedInsertion {
  return {
    path: join(directories.config, 'mimeapps.list'),
    kind: mimeDefaults,
    blocks: [defaultFor(LINK_SCHEME, LINK_ENTRY)],
    template: '',
  }
}

function bookmark({ directories, drive }: DesktopPlanOptions): PlannedInsertion {
  return {
    path: join(directories.config, 'gtk-3.0', 'bookmarks'),
    kind: gtkBookmarks,
    blocks: [bookmarkOf(drive, 'B2B drive')],
    template: '',
  }
}

async function thunar({ directories, program }: DesktopPlanOptions): Promise<PlannedInsertion> {
  const blocks = MENU.map(({ verb, name, description, icon: iconName, files }) =>
    actionBlock({
      id: `b2bmount-${verb}`,
      name,
      description,
      icon: iconName,
      command: menuCommand(program, verb),
      files,
    }),
  )
  return {
    path: join(directories.config, 'Thunar', 'uca.xml'),
    kind: thunarActions,
    blocks,
    template: await systemActions(directories),
  }
}

/** Thunar reads the user's file or the machine's, not both: without these the user would lose them. */
async function systemActions({ systemConfig }: BaseDirectories): Promise<string> {
  for (const directory of systemConfig) {
    const content = await readUserFile(join(directory, 'Thunar', 'uca.xml')).catch(() => undefined)
    if (content !== undefined) return content
  }
  return NO_ACTIONS
}

async function icon(directory: string, name: string): Promise<PlannedFile> {
  return { path: join(directory, name), content: await readAsset(name), mode: PLAIN }
}

/** Files that are written as they are stand beside the source. */
function readAsset(name: string): Promise<string> {
  // dist/src/desktop/desktop-plan.js -> src/desktop/assets
  return readFile(new URL(`../../../src/desktop/assets/${name}`, import.meta.url), 'utf8')
}
