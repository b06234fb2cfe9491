import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { eventually, type Colour, type DesktopSession } from './desktop-session.js'
import { counters, type Gallery } from './gallery.js'

/** What stands in the first rows, of 200 files. */
export const LETTERS = Array.from(
  { length: 12 },
  (_, i) => `Letter ${String(i * 10 + 9).padStart(3, '0')}.docx`,
)
export const PHOTOS = Array.from({ length: 6 }, (_, i) => `Photo 00${i + 1}.jpg`)
export const FIRST = 'Letter 009.docx'
export const NOTHING = { requests: 0, bytes: 0 }

/** A file manager that shows the folder, which nobody has looked into before. */
export async function showFolder(
  gallery: Gallery,
  session: DesktopSession,
  program: string,
  ...args: readonly string[]
) {
  await gallery.sandbox.admin('DELETE', '/counters')
  session.start(program, ...args)
  await session.focus('Mixed')
  await session.enlarge('Mixed')
}

/**
 * Copies the folder's first file into the home directory by keys, as a person does.
 * @param home its window's title @param select keys that select the file
 */
export async function copyTheFirst(
  t: Test,
  { sandbox, driveId }: Gallery,
  session: DesktopSession,
  home: string,
  ...select: readonly string[]
): Promise<void> {
  const copy = join(sandbox.home, FIRST)
  const truth = await sandbox.adminBytes(`/bytes?drive=${driveId}&path=Mixed/${encodeURIComponent(FIRST)}`)
  await session.keys(...select, 'ctrl+c', 'alt+Home')
  await session.focus(home)
  await session.keys('ctrl+v')
  const isThere = async () => existsSync(copy) && (await readFile(copy)).equals(truth)
  await eventually('it is copied, byte by byte', isThere)
  t.equal((await counters(sandbox)).content.bytes, truth.length)
}

/** Of two bands of a picture, each at least so many pixels of its colour; an icon has hardly any. */
const ENOUGH_PIXELS = 120
/** The pictures are grainy, and have been made smaller twice. */
const TOLERANCE = 14

type Channels = readonly [number, number, number]

/** Waits until the screen shows the service's pictures of these files of the folder. */
export async function thumbnailsAreShown(
  { sandbox, driveId }: Gallery,
  session: DesktopSession,
  names: readonly string[],
): Promise<void> {
  const wanted: { readonly name: string; readonly colours: readonly Colour[] }[] = []
  for (const name of names) {
    const query = new URLSearchParams({ drive: driveId, path: `Mixed/${name}` })
    const { top, bottom } = await sandbox.admin<{ top: Channels; bottom: Channels }>(
      'GET',
      `/thumbnail-url?${query.toString()}`,
    )
    wanted.push({ name, colours: [top, bottom].map(([red, green, blue]) => ({ red, green, blue })) })
  }
  let missing: string[] = []
  await eventually('the thumbnails are shown', async () => {
    const screen = await session.look()
    const isShown = (colour: Colour) => screen.count(colour, TOLERANCE) >= ENOUGH_PIXELS
    missing = wanted.filter(({ colours }) => !colours.every(isShown)).map(({ name }) => name)
    return missing.length === 0
  }).catch((failure: unknown) => {
    throw new Error(`no thumbnail on the screen of: ${missing.join(', ')}`, { cause: failure })
  })
}
