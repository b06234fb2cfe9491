/**
 * Works in a folder until something fails, and says what it has done.
 * Usage: writer FOLDER SEED MODEL.json [--sync]. MODEL.json: the paths of the files that are there, and the folders'.
 *
 * Prints a line of JSON before it begins something, and one when the last system call of it has returned: from then on it
 * must not be lost. With --sync that is fsync, which outlives the machine's power; else close, which outlives the daemon.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { argv, exit } from 'node:process'
import { overlaid, PERIOD, swapped } from '../collisions.js'
import { Random } from './random.js'

export type Action =
  | { readonly kind: 'write'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'mkdir'; readonly path: string }

export type Line =
  | { readonly begin: Action }
  /** `hash`: of what was written. */
  | { readonly done: Action; readonly hash?: string }

export interface Model {
  readonly files: readonly string[]
  readonly folders: readonly string[]
}

const MOST_FILES = 60
const MOST_FOLDERS = 8
const LARGE = 3 * 1024 * 1024
const SMALL = 100 * 1024

const [root, seed, modelFile, mode] = argv.slice(2)
if (root === undefined || seed === undefined || modelFile === undefined) exit(2)
const isSynced = mode === '--sync'
const model = JSON.parse(readFileSync(modelFile, 'utf8')) as Model
const files = new Set(model.files)
const folders = new Set(['', ...model.folders])
const random = new Random(Number(seed))

function say(line: Line): void {
  // Before the next system call: whoever reads it must not learn of it after the crash.
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const at = (path: string) => join(root, path)

/** Names in it are on the disk. */
function syncFolder(path: string): void {
  if (!isSynced) return
  const folder = openSync(at(dirname(path)), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

function write(path: string): void {
  const isThere = files.has(path)
  const how = isThere ? random.of(['again', 'append', 'middle', 'collide'] as const) : 'again'
  const bytes = random.bytes(random.below(12) === 0 ? LARGE : random.below(SMALL))
  let content = bytes
  if (how === 'again') {
    const file = openSync(at(path), 'w')
    put(file, bytes, 0)
    end(file)
  } else if (how === 'collide') {
    content = colliding(readFileSync(at(path)))
    const file = openSync(at(path), 'r+')
    put(file, content, 0)
    end(file)
  } else {
    const before = readFileSync(at(path))
    const offset = how === 'append' ? before.length : random.below(before.length + 1)
    content = Buffer.alloc(Math.max(before.length, offset + bytes.length))
    before.copy(content)
    bytes.copy(content, offset)
    const file = openSync(at(path), 'r+')
    put(file, bytes, offset)
    end(file)
  }
  files.add(path)
  say({ done: { kind: 'write', path }, hash: createHash('sha256').update(content).digest('hex') })
}

/** Other bytes, of which QuickXorHash sees no difference. */
function colliding(bytes: Buffer): Buffer {
  const periods = 2 * Math.floor(bytes.length / PERIOD / 2)
  if (periods === 0) return bytes
  const half = (periods / 2) * PERIOD
  return random.below(2) === 0
    ? overlaid(bytes, 1 + random.below(255), bytes.length - periods * PERIOD, periods)
    : swapped(bytes, 0, half, half)
}

function put(file: number, bytes: Buffer, offset: number): void {
  // In pieces: a crash comes in between, too.
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, Math.min(64 * 1024, bytes.length - done), offset + done)
  }
}

function end(file: number): void {
  if (isSynced) fsyncSync(file)
  closeSync(file)
}

function newPath(): string {
  const folder = random.of([...folders])
  return join(folder, `file ${random.below(1000)}.bin`)
}

/** @returns `undefined`: nothing that would make sense now */
function chosen(): Action | undefined {
  const known = [...files]
  switch (random.below(10)) {
    case 0:
      return folders.size < MOST_FOLDERS ? { kind: 'mkdir', path: `folder ${random.below(100)}` } : undefined
    case 1:
      return known.length > 3 ? { kind: 'remove', path: random.of(known) } : undefined
    case 2:
    case 3: {
      if (known.length < 2) return undefined
      const path = random.of(known)
      const to = random.below(2) === 0 ? random.of(known) : newPath()
      return to === path ? undefined : { kind: 'rename', path, to }
    }
    case 4:
    case 5:
      return known.length < MOST_FILES ? { kind: 'write', path: newPath() } : undefined
    default:
      return { kind: 'write', path: known.length > 0 ? random.of(known) : newPath() }
  }
}

for (;;) {
  const action = chosen()
  if (action === undefined || (action.kind === 'mkdir' && folders.has(action.path))) continue
  say({ begin: action })
  switch (action.kind) {
    case 'write':
      write(action.path)
      continue
    case 'mkdir':
      mkdirSync(at(action.path))
      syncFolder(action.path)
      folders.add(action.path)
      break
    case 'remove':
      unlinkSync(at(action.path))
      syncFolder(action.path)
      files.delete(action.path)
      break
    case 'rename':
      renameSync(at(action.path), at(action.to))
      syncFolder(action.to)
      files.delete(action.path)
      files.add(action.to)
      break
  }
  say({ done: action })
}
