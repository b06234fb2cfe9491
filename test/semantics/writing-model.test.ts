import { constants } from 'node:fs'
import t from 'tap'
import type { OpenFile } from '../../src/fs/file-system.js'
import { CALLER, fileItem, forever, pattern, startWorld, type DriveWorld } from './drive-world.js'

const { O_RDWR, O_TRUNC } = constants
const STEPS = 1_500
// Small enough that operations meet each other all the time, and more than one segment of a download.
const LARGEST = 300_000
const NAME = 'file.bin'

/** xorshift32: the same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 || 1
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** What a file is: an array of bytes. */
class NaiveFile {
  bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes)
  }

  write(offset: number, bytes: Uint8Array): void {
    if (offset + bytes.length > this.bytes.length) this.truncate(offset + bytes.length)
    this.bytes.set(bytes, offset)
  }

  truncate(size: number): void {
    const bytes = Buffer.alloc(size)
    this.bytes.copy(bytes, 0, 0, Math.min(size, this.bytes.length))
    this.bytes = bytes
  }

  zero(start: number, end: number): void {
    this.bytes.fill(0, Math.min(start, this.bytes.length), Math.min(end, this.bytes.length))
  }
}

async function open(world: DriveWorld, flags: number): Promise<OpenFile> {
  return await world.drive.open(await world.node(NAME), flags, CALLER, forever)
}

const first = Number(process.env['SEED'] ?? 1)
for (let seed = first; seed < first + 3; seed++) {
  t.test(`drive and array agree after ${STEPS} operations (SEED=${seed})`, async t => {
    const below = numbers(seed)
    const base = pattern(below(LARGEST) + 1, seed)
    let world = startWorld(t, { writable: true })
    world.library()
    world.remote.put(fileItem('f', NAME, base), base)
    const model = new NaiveFile(base)
    let files = [await open(world, O_RDWR)]
    const some = () => {
      const file = files[below(files.length)]
      if (file === undefined) throw new Error('nothing is open')
      return file
    }
    const range = () => {
      const start = below(LARGEST)
      return { start, end: start + 1 + below(below(4) === 0 ? 100_000 : 2_000) }
    }
    const closeAll = () => {
      for (const { handle } of files) world.drive.release(handle)
      files = []
    }
    for (let step = 0; step < STEPS; step++) {
      const what = below(100)
      const { start, end } = range()
      const did = `after step ${step}: ${what} at ${start} to ${end}`
      if (what < 40) {
        const bytes = pattern(end - start, step + 1)
        await world.drive.write(some().handle, start, bytes, forever)
        model.write(start, bytes)
      } else if (what < 75) {
        const bytes = await world.read(some(), { start, end })
        if (Buffer.compare(bytes, model.bytes.subarray(start, end)) !== 0)
          throw new Error(`other bytes ${did}`)
      } else if (what < 80) {
        await world.drive.setattr(await world.node(NAME), { size: start }, undefined, CALLER, forever)
        model.truncate(start)
      } else if (what < 84) {
        const { handle } = some()
        await world.drive.setattr(await world.node(NAME), { size: end }, handle, CALLER, forever)
        model.truncate(end)
      } else if (what < 88) {
        // As fallocate(2) punches a hole.
        const file = await world.drive.beginWrite(some().handle, forever)
        file.zero({ start, end })
        model.zero(start, end)
      } else if (what < 92) {
        files.push(await open(world, O_RDWR))
      } else if (what < 95) {
        if (files.length > 1) {
          const [file] = files.splice(below(files.length), 1)
          if (file) world.drive.release(file.handle)
        }
      } else if (what < 96) {
        closeAll()
        files.push(await open(world, O_RDWR | O_TRUNC))
        model.truncate(0)
      } else if (what < 98) {
        closeAll()
        await world.drive.freeUp(world.drive.getattr(await world.node()).ino, forever)
        files.push(await open(world, O_RDWR))
      } else {
        closeAll()
        await world.stop()
        const { directory, remote } = world
        world = startWorld(t, { writable: true, directory, remote })
        world.recover()
        files.push(await open(world, O_RDWR))
      }
      const { size } = world.drive.getattr(await world.node(NAME))
      if (size !== model.bytes.length) throw new Error(`${size} bytes, not ${model.bytes.length}, ${did}`)
    }
    const whole = await world.read(some(), { start: 0, end: model.bytes.length + 1 })
    t.equal(Buffer.compare(whole, model.bytes), 0)
    t.same(world.troubles, [])
  })
}
