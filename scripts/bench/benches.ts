import { mkdir, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { copyTree } from './tree-copy.js'
import { million } from './million.js'
import { inTurn, median, medianOf, ROUNDS, run, SHORT_ROUNDS, time } from './measure.js'
import { fuseNativeMount, rcloneMount, type Peer } from './peers.js'
import { idle, push } from './push.js'
import { format, ratio, ratios, type Beside, type Row } from './row.js'
import type { Subject } from './subject.js'
import { thumbnails } from './thumbnails.js'
import { untar, upload, uploadSmall, writeMiddle, writeSequentially } from './writing.js'

const MIB = 1024 * 1024
const LARGE = 'Disk image 2 GiB.img'
const LARGE_BYTES = 2048 * MIB
const SHAPED = 'Backup 256 MiB.bin'
const SHAPED_BYTES = 256 * MIB
const HUGE = 'Recording 10 GB.bin'
const STARTING_MILLISECONDS = 1_000

/** One thing to measure. They run in this order: later ones find what earlier ones made local. */
export interface Bench {
  readonly id: string
  measure(subject: Subject): Promise<Row>
}

export const BENCHES: readonly Bench[] = [
  { id: 'getattr', measure: getattr },
  { id: 'walk-cold', measure: walkCold },
  { id: 'walk-warm', measure: walkWarm },
  { id: 'random-4k', measure: random4k },
  { id: 'hydrate-shaped', measure: hydrateShaped },
  { id: 'hydrate', measure: hydrate },
  { id: 'read-fresh', measure: readFresh },
  { id: 'read-warm', measure: readWarm },
  { id: 'read-small', measure: readSmall },
  { id: 'thumbs-first', measure: async subject => (await thumbnailRows(subject))[0] },
  { id: 'thumbs-all', measure: async subject => (await thumbnailRows(subject))[1] },
  { id: 'rss', measure: rss },
  ...['million-list', 'million-rate', 'million-stat', 'million-rss', 'million-start'].map(id => ({
    id,
    measure: () => millionRow(id),
  })),
  { id: 'write-seq', measure: writeSequentially },
  { id: 'untar', measure: untar },
  { id: 'upload', measure: upload },
  { id: 'upload-small', measure: uploadSmall },
  { id: 'write-middle', measure: writeMiddle },
  { id: 'push', measure: push },
  // Takes more than ten minutes.
  { id: 'idle', measure: idle },
]

// One library is listed once: all rows come of it.
let millionRows: Promise<readonly Row[]> | undefined

async function millionRow(id: string): Promise<Row> {
  const row = (await (millionRows ??= million())).find(each => each.id === id)
  if (row === undefined) throw new Error(`${id} was not measured`)
  return row
}

// One folder is opened once: both rows come of it.
const measured = new WeakMap<Subject, ReturnType<typeof thumbnails>>()

function thumbnailRows(subject: Subject): ReturnType<typeof thumbnails> {
  const rows = measured.get(subject) ?? thumbnails(subject)
  measured.set(subject, rows)
  return rows
}

async function getattr({ client, media, sandbox }: Subject): Promise<Row> {
  const microseconds = async (file: string) =>
    Number((await run(client, 'getattr', file, '5000')).split(' ')[1]) / 1000
  const local = join(sandbox.home, 'getattr.txt')
  await writeFile(local, 'I exist to be asked about.\n')
  const peer = await fuseNativeMount(local, join(sandbox.home, 'fuse-native'))
  try {
    const ours = () => microseconds(join(media, LARGE))
    const pairs = peer && (await inTurn(ours, () => microseconds(join(peer.directory, 'file')), SHORT_ROUNDS))
    const value = pairs?.ours ?? (await medianOf(SHORT_ROUNDS, ours))
    const ext4 = await medianOf(ROUNDS, () => microseconds(local))
    const fuseNative = pairs?.other
    return {
      id: 'getattr',
      value,
      unit: 'µs',
      reach: 'at most 0.5 of fuse-native',
      met: fuseNative !== undefined && value <= 0.5 * fuseNative,
      beside: { ext4, ...(fuseNative === undefined ? {} : { fuseNative }) },
      notes:
        fuseNative === undefined
          ? ['fuse-native is not installed']
          : [ratio('fuse-native', value / fuseNative)],
    }
  } finally {
    await peer?.stop()
  }
}

/** Of 100,000 items: `find -ls` asks for every name and every attribute. */
const walk = (directory: string) => time('find', directory, '-ls')

async function localTree({ sandbox, tree }: Subject): Promise<{ directory: string; items: number }> {
  const directory = join(sandbox.home, 'tree')
  const items = Number(await run('sh', '-c', `find '${directory}' 2>/dev/null | wc -l`)) - 1
  return { directory, items: items > 0 ? items : await copyTree(tree, directory) }
}

async function walkCold(subject: Subject): Promise<Row> {
  await subject.listed()
  const { directory, items } = await localTree(subject)
  await walk(directory)
  const pairs = await inTurn(
    async () => {
      await subject.restart()
      return walk(subject.tree)
    },
    () => walk(directory),
  )
  const peer = await rcloneMount(directory, join(subject.sandbox.home, 'rclone'))
  const rclone = peer && (await walk(peer.directory).finally(() => peer.stop()))
  const rate = items / pairs.ours
  const rates = { ext4: items / pairs.other, ...(rclone === undefined ? {} : { rclone: items / rclone }) }
  return {
    id: 'walk-cold',
    value: rate,
    unit: 'items/s',
    reach: 'at least 5x rclone mount, at least 0.25 of ext4 (its second walk)',
    met: rates.rclone !== undefined && rate >= 5 * rates.rclone && rate >= 0.25 * rates.ext4,
    beside: rates,
    notes: [`${items} items`, ...ratios(rate, rates)],
  }
}

async function walkWarm(subject: Subject): Promise<Row> {
  await subject.listed()
  const { directory, items } = await localTree(subject)
  await walk(subject.tree)
  await walk(directory)
  const pairs = await inTurn(
    () => walk(subject.tree),
    () => walk(directory),
  )
  const rate = items / pairs.ours
  const ext4 = items / pairs.other
  return {
    id: 'walk-warm',
    value: rate,
    unit: 'items/s',
    reach: 'at least 0.9 of ext4',
    met: rate >= 0.9 * ext4,
    beside: { ext4 },
    notes: [`${items} items`, ...ratios(rate, { ext4 })],
  }
}

async function random4k(subject: Subject): Promise<Row> {
  const { sandbox, client, media } = subject
  await subject.listed()
  const offsets = [1_234_567_890, 5_000_000_123, 9_876_543_210, 7_777_777_777, 3_141_592_653]
  const arguments_ = await subject.curlArguments(HUGE)
  const ours: number[] = []
  const curl: number[] = []
  let requests = 0
  let bytes = 0
  for (const offset of offsets) {
    await sandbox.admin('DELETE', '/counters')
    const [, nanoseconds] = (await run(client, 'read-at', join(media, HUGE), String(offset), '4096')).split(
      ' ',
    )
    ours.push(Number(nanoseconds) / 1e6)
    const { content } = await sandbox.admin<{ content: { requests: number; bytes: number } }>(
      'GET',
      '/counters',
    )
    requests = Math.max(requests, content.requests)
    bytes = Math.max(bytes, content.bytes)
    const range = `${offset}-${offset + 4095}`
    const total = await run(
      'curl',
      ...arguments_,
      '--range',
      range,
      '--output',
      '/dev/null',
      '--write-out',
      '%{time_total}',
    )
    curl.push(Number(total) * 1000)
  }
  const value = median(ours)
  const beside = { curl: median(curl) }
  return {
    id: 'random-4k',
    value,
    unit: 'ms',
    reach: 'one content request, at most 256 KiB moved, at most 1.5 of curl --range',
    met: requests === 1 && bytes <= 256 * 1024 && value <= 1.5 * beside.curl,
    beside,
    notes: [`${requests} content request, ${bytes} bytes moved`, ratio('curl', value / beside.curl)],
  }
}

async function hydrateShaped(subject: Subject): Promise<Row> {
  const { sandbox, media } = subject
  await subject.listed()
  const shape = { latencyMilliseconds: 40, bytesPerSecond: 12_500_000, applyTo: 'all' }
  await sandbox.admin('PUT', '/link', shape)
  try {
    const ours = SHAPED_BYTES / MIB / (await time('cat', join(media, SHAPED)))
    const seconds = await time('curl', ...(await subject.curlArguments(SHAPED)), '--output', '/dev/null')
    const curl = SHAPED_BYTES / MIB / seconds
    return {
      id: 'hydrate-shaped',
      value: ours,
      unit: 'MiB/s',
      reach: 'at least 5x one curl, at 40 ms and 100 Mbit/s a connection',
      met: ours >= 5 * curl,
      beside: { curl },
      notes: ratios(ours, { curl }),
    }
  } finally {
    await sandbox.admin('DELETE', '/link')
  }
}

async function hydrate(subject: Subject): Promise<Row> {
  const { sandbox, media } = subject
  await subject.listed()
  const rate = (seconds: number) => LARGE_BYTES / MIB / seconds
  const target = join(sandbox.home, 'curl.img')
  const curl = await subject.curlArguments(LARGE)
  const ours: number[] = []
  const toFile: number[] = []
  const toNull: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    if (i > 0) await forgetContent(subject)
    await subject.warmMemory()
    toFile.push(rate(await time('curl', ...curl, '--output', target)))
    await rm(target)
    toNull.push(rate(await time('curl', ...curl, '--output', '/dev/null')))
    await subject.warmMemory()
    ours.push(rate(await time('cat', join(media, LARGE))))
  }
  const value = median(ours)
  const beside = { curl: median(toFile) }
  return {
    id: 'hydrate',
    value,
    unit: 'MiB/s',
    reach: 'at least 0.85 of curl that writes the same URL to the same disk',
    met: value >= 0.85 * beside.curl,
    beside,
    notes: [
      ...ratios(value, beside),
      `curl to /dev/null: ${format(median(toNull))} MiB/s, ratio ${format(value / median(toNull))}`,
    ],
  }
}

/** Everything online-only again: as if the user had removed the cache folder. */
async function forgetContent(subject: Subject): Promise<void> {
  await subject.sandbox.json('stop')
  await rm(join(subject.sandbox.home, '.cache'), { recursive: true, force: true })
  await subject.mount()
}

/** Gigabytes a second of a sequential read. */
const gigabytes = async (client: string, file: string) => {
  const [bytes, nanoseconds] = (await run(client, 'read', file)).split(' ')
  return Number(bytes) / Number(nanoseconds)
}

/** The large file on the local disk; alone in its folder. */
async function localImage({ sandbox, media }: Subject): Promise<string> {
  const path = join(sandbox.home, 'local', 'image')
  if (!existsSync(path)) {
    await mkdir(dirname(path), { recursive: true })
    await run('cp', '--sparse=never', join(media, LARGE), path)
  }
  return path
}

/**
 * Where the bytes of the large file are on the local disk. Read there and through the drive, the pages of memory are the
 * same: how they were filled, and whether the host of a virtual machine has them at hand, makes a factor of two.
 */
async function cacheFile({ client, sandbox, media }: Subject): Promise<string> {
  await gigabytes(client, join(media, LARGE))
  const content = await run('find', sandbox.home, '-path', '*/content/*', '-type', 'f', '-size', '+2000M')
  const [file] = content.trim().split('\n')
  if (file === undefined || file === '') throw new Error('the large file is not local')
  await run(client, 'recache', file)
  return file
}

async function readFresh(subject: Subject): Promise<Row> {
  const { sandbox, client, media } = subject
  // What is still listed is listed on the same two cores.
  await subject.listed()
  const cached = await cacheFile(subject)
  const passthrough = process.getuid?.() === 0
  const pairs = await inTurn(
    async () => {
      // With passthrough no memory is filled, and the machine is busy for seconds with what was warmed.
      if (!passthrough) await subject.warmMemory()
      await subject.restart()
      // It asks all organizations for news when it starts.
      await setTimeout(STARTING_MILLISECONDS)
      return gigabytes(client, join(media, LARGE))
    },
    () => gigabytes(client, cached),
  )
  const local = await localImage(subject)
  const beside: Record<string, number> = { ext4: pairs.other }
  for (const [name, open] of [
    ['rclone', () => rcloneMount(dirname(local), join(sandbox.home, 'rclone'))],
    ['fuseNative', () => fuseNativeMount(local, join(sandbox.home, 'fuse-native'))],
  ] as const) {
    const peer = await open()
    if (!peer) continue
    await subject.warmMemory()
    try {
      beside[name] = await gigabytes(
        client,
        join(peer.directory, name === 'rclone' ? basename(local) : 'file'),
      )
    } finally {
      await peer.stop()
    }
  }
  const value = pairs.ours
  const { ext4 = 0, rclone = Infinity, fuseNative = Infinity } = beside as Beside
  return {
    id: 'read-fresh',
    value,
    unit: 'GB/s',
    reach: passthrough
      ? 'at least 0.9 of ext4 (with passthrough)'
      : 'at least 4x fuse-native and 4x rclone mount (without passthrough)',
    met: passthrough ? value >= 0.9 * ext4 : value >= 4 * fuseNative && value >= 4 * rclone,
    beside,
    notes: ratios(value, beside),
  }
}

async function readWarm(subject: Subject): Promise<Row> {
  const { client, media } = subject
  await subject.listed()
  const cached = await cacheFile(subject)
  const pairs = await inTurn(
    () => gigabytes(client, join(media, LARGE)),
    () => gigabytes(client, cached),
    SHORT_ROUNDS,
  )
  const beside = { ext4: pairs.other }
  return {
    id: 'read-warm',
    value: pairs.ours,
    unit: 'GB/s',
    reach: 'at least 0.9 of ext4',
    met: pairs.ours >= 0.9 * beside.ext4,
    beside,
    notes: ratios(pairs.ours, beside),
  }
}

/** A part of the tree: 1,800 files of 200 to 4,200 bytes. */
const SMALL_FOLDERS = ['Branch 000', 'Branch 001']
const SMALL_FILES = 1_800

/** Opens, reads and closes each, one after the other. @returns files a second */
async function smallFiles(directory: string): Promise<number> {
  const folders = SMALL_FOLDERS.map(name => join(directory, name))
  return SMALL_FILES / (await time('find', ...folders, '-type', 'f', '-exec', 'cat', '{}', '+'))
}

async function readSmall(subject: Subject): Promise<Row> {
  await subject.listed()
  const { directory } = await localTree(subject)
  await smallFiles(subject.tree)
  const pairs = await inTurn(
    () => smallFiles(subject.tree),
    () => smallFiles(directory),
  )
  const peer = await rcloneMount(directory, join(subject.sandbox.home, 'rclone'))
  const again = async ({ directory: mounted }: Peer) => {
    await smallFiles(mounted)
    return await medianOf(ROUNDS, () => smallFiles(mounted))
  }
  const rclone = peer && (await again(peer).finally(() => peer.stop()))
  const beside: Beside = { ext4: pairs.other, ...(rclone === undefined ? {} : { rclone }) }
  return {
    id: 'read-small',
    value: pairs.ours,
    unit: 'files/s',
    reach: 'at least 1.5x rclone mount',
    met: rclone !== undefined && pairs.ours >= 1.5 * rclone,
    beside,
    notes: [`${SMALL_FILES} local files`, ...ratios(pairs.ours, beside)],
  }
}

async function rss(subject: Subject): Promise<Row> {
  // A daemon of its own, that has done nothing else.
  await forgetContent(subject)
  await subject.listed()
  await walk(subject.tree)
  await time('cat', join(subject.media, LARGE))
  const value = (await subject.residentBytes()) / MIB
  return {
    id: 'rss',
    value,
    unit: 'MiB',
    reach: 'at most 250 MB after walking 100,000 items and hydrating and reading 2 GiB',
    met: value * MIB <= 250e6,
    beside: {},
    notes: [],
  }
}
