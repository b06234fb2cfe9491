import t from 'tap'
import { nodeId } from '../../src/model/ids.js'
import { fileItem, folderItem, forever, pattern, ROOT, startWorld } from './drive-world.js'

const MIB = 1024 * 1024

t.test('a file is read through the folders that lead to it', async t => {
  const world = startWorld(t)
  world.library()
  const bytes = pattern(300_000)
  world.remote.put(folderItem('f1', 'Reports'))
  world.remote.put(fileItem('i1', 'budget.xlsx', bytes, 'f1'), bytes)

  t.same(await world.names(ROOT), ['Contoso'])
  const file = await world.open('Reports', 'budget.xlsx')
  const found = await world.read(file, { start: 0, end: 400_000 })
  t.ok(Buffer.from(bytes).equals(found))
  t.ok(file.content.verified)
})

t.test('a small read at a random place is one request for little', async t => {
  const world = startWorld(t)
  world.library()
  const bytes = pattern(10 * MIB)
  world.remote.put(fileItem('i1', 'film.mp4', bytes), bytes)
  const file = await world.open('film.mp4')
  const found = await world.read(file, { start: 5_000_000, end: 5_004_096 })
  t.ok(Buffer.from(bytes.subarray(5_000_000, 5_004_096)).equals(found))
  t.equal(world.remote.downloads.length, 1)
  const range = world.remote.downloads[0]?.range ?? { start: 0, end: 0 }
  t.ok(range.end - range.start <= 256 * 1024)
})

t.test('a sequential reader gets the whole file, by several connections', async t => {
  const world = startWorld(t)
  world.library()
  const bytes = pattern(48 * MIB)
  world.remote.put(fileItem('i1', 'film.mp4', bytes), bytes)
  const file = await world.open('film.mp4')
  for (let start = 0; start < bytes.length; start += 131_072) {
    const found = await world.read(file, { start, end: start + 131_072 })
    if (!Buffer.from(bytes.subarray(start, start + 131_072)).equals(found)) t.fail(`wrong bytes at ${start}`)
  }
  t.ok(file.content.verified)
  t.match(world.drive.getattr(await world.node('film.mp4')), { blocks: bytes.length / 512 })
  const total = world.remote.downloads.reduce((sum, { range }) => sum + range.end - range.start, 0)
  t.equal(total, bytes.length, 'no byte twice')
  t.ok(world.remote.downloads.length < 40, `${world.remote.downloads.length} requests`)
})

t.test('a folder of ten thousand is shown in an instant', async t => {
  const world = startWorld(t)
  world.library()
  world.remote.pageSize = 1000
  for (let i = 0; i < 10_000; i++) world.remote.put(fileItem(`i${i}`, `document ${i}.docx`, pattern(10)))
  const node = await world.node()
  await world.drive.opendir(node, forever)
  const started = performance.now()
  const entries = world.drive.readdir(node)
  t.comment(`${performance.now() - started} ms`)
  t.equal(entries.length, 10_000)
  t.ok(entries.every(({ attributes }) => attributes.node === nodeId(attributes.ino, 0)))
})
