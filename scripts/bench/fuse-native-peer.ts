/**
 * A file system of one file over the fuse-native package, to stand beside ours.
 * Usage: fuse-native-peer DIRECTORY FILE. Prints `mounted`; ends when it is unmounted or killed.
 */
import { open, read } from 'node:fs'
import { createRequire } from 'node:module'
import { argv, exit } from 'node:process'
import { stat } from 'node:fs/promises'
import { loadFuseNative } from '../../src/transport/fuse-native-package.js'

type Callback = (status: number, value?: unknown) => void
interface Operations {
  readdir(path: string, callback: Callback): void
  getattr(path: string, callback: Callback): void
  open(path: string, flags: number, callback: Callback): void
  release(path: string, fd: number, callback: Callback): void
  read(path: string, fd: number, buffer: Buffer, length: number, offset: number, callback: Callback): void
}
type FuseConstructor = new (
  directory: string,
  operations: Operations,
  // Its own 15 s timer on every request would only make it slower.
  options: { readonly timeout: false },
) => { mount(callback: (failure: Error | null) => void): void }

const ENOENT = -2
const EIO = -5
const FIRST_HANDLE = 1

const [directory, source] = argv.slice(2)
if (directory === undefined || source === undefined) {
  console.error('usage: fuse-native-peer DIRECTORY FILE')
  exit(2)
}
// For the libfuse beside it, which the package's own JavaScript does not find.
loadFuseNative()
const Fuse = createRequire(import.meta.url)('fuse-native') as FuseConstructor
const { size } = await stat(source)
const now = new Date()
const file = { mtime: now, atime: now, ctime: now, nlink: 1, size, mode: 0o100444, uid: 0, gid: 0 }
const root = { ...file, size: 4096, mode: 0o040555 }

const fd = await new Promise<number>((resolve, reject) => {
  open(source, (failure, opened) => (failure ? reject(failure) : resolve(opened)))
})
const fuse = new Fuse(
  directory,
  {
    readdir: (_path, callback) => callback(0, ['file']),
    getattr: (path, callback) => {
      if (path === '/') callback(0, root)
      else if (path === '/file') callback(0, file)
      else callback(ENOENT)
    },
    open: (_path, _flags, callback) => callback(0, FIRST_HANDLE),
    release: (_path, _fd, callback) => callback(0),
    read: (_path, _fd, buffer, length, offset, callback) =>
      read(fd, buffer, 0, length, offset, (failure, bytes) => callback(failure ? EIO : bytes)),
  },
  { timeout: false },
)
fuse.mount(failure => {
  if (failure) {
    console.error(failure.message)
    exit(1)
  }
  console.log('mounted')
})
