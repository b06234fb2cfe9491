import { constants } from 'node:fs'
import type { Test } from 'tap'
import type { Created, OpenFile } from '../../src/fs/file-system.js'
import type { NodeId } from '../../src/model/ids.js'
import {
  CALLER,
  fileItem,
  folderItem,
  forever,
  startWorld,
  type DriveWorld,
  type DriveWorldOptions,
} from './drive-world.js'

const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL } = constants

/** More than any file of these tests has. */
export const LONG = { start: 0, end: 10_000_000 }

/** A library that can be written to, listed, with these files and an empty folder `docs`. */
export async function worldWith(
  t: Test,
  files: Readonly<Record<string, Uint8Array>> = {},
  options: DriveWorldOptions = {},
): Promise<DriveWorld> {
  const world = startWorld(t, { writable: true, ...options })
  world.library()
  for (const [name, bytes] of Object.entries(files)) world.remote.put(fileItem(name, name, bytes), bytes)
  world.remote.put(folderItem('docs', 'docs'))
  await world.names(await world.node())
  await world.names(await world.node('docs'))
  world.told.length = 0
  return world
}

export async function opened(world: DriveWorld, name: string, flags = O_RDWR): Promise<OpenFile> {
  return await world.drive.open(await world.node(name), flags, CALLER, forever)
}

export async function created(world: DriveWorld, name: string, parent?: NodeId): Promise<Created> {
  const folder = parent ?? (await world.node())
  return await world.drive.create(folder, name, 0o644, O_RDWR | O_CREAT | O_EXCL, CALLER, forever)
}

export async function writeTo(world: DriveWorld, file: OpenFile, text: string, offset = 0): Promise<void> {
  await world.drive.write(file.handle, offset, Buffer.from(text), forever)
}

export function close(world: DriveWorld, { handle }: OpenFile): void {
  world.drive.release(handle)
}

/** As if the kernel read the cache files of files that are open by itself. @returns until when */
export function readByKernel(world: DriveWorld): () => void {
  return world.drive.attach({
    entryChanged: () => undefined,
    attributesChanged: () => undefined,
    contentReplaced: () => undefined,
    everythingChanged: () => undefined,
    isPassedThrough: () => true,
  })
}

/** Makes a new file. */
export async function save(world: DriveWorld, name: string, text: string, parent?: NodeId): Promise<void> {
  const file = await created(world, name, parent)
  await writeTo(world, file, text)
  close(world, file)
}

export async function contentOf(world: DriveWorld, ...path: string[]): Promise<string> {
  const file = await world.drive.open(await world.node(...path), O_RDONLY, CALLER, forever)
  const bytes = await world.read(file, LONG)
  world.drive.release(file.handle)
  return Buffer.from(bytes).toString()
}

export async function itemOf(world: DriveWorld, ...path: string[]) {
  const item = world.store.items.byIno(world.drive.getattr(await world.node(...path)).ino)
  if (item === undefined) throw new Error(`there is no ${path.join('/')}`)
  return item
}

export async function stateOf(world: DriveWorld, ...path: string[]): Promise<string> {
  return Buffer.from(world.drive.getxattr(await world.node(...path), 'user.b2bmount.state')).toString()
}
