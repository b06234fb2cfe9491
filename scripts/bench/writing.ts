import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { UnsentReport } from '../../src/control/answers.js'
import { inTurn, run, time } from './measure.js'
import { rcloneMount } from './peers.js'
import { ratios, type Beside, type Row } from './row.js'
import type { Subject } from './subject.js'

const MIB = 1024 * 1024
const LARGE_MIB = 2048
const UPLOADED_MIB = 1024
// A multiple of 320 KiB below 60 MiB.
const FRAGMENT_MIB = 40
const SMALL_FILES = 5_000
// One after the other these take as long as they take; a part of them says how long all would.
const SMALL_FILES_IN_A_ROW = 200
const LATENCY_MILLISECONDS = 40
const HUGE = 'Recording 10 GB.bin'
const MIDDLE = 5_000_000_000
const ROUNDS = 3

/** `tar x`, once for each round, into a new folder. */
const TREES = 'trees'

export async function writeSequentially(subject: Subject): Promise<Row> {
  const { client, media, sandbox } = subject
  await subject.listed()
  await holdUploads(subject)
  const local = join(sandbox.home, 'written')
  await mkdir(local, { recursive: true })
  const rate = async (file: string) => {
    await subject.warmMemory()
    const [bytes, nanoseconds] = (await run(client, 'write', file, String(LARGE_MIB))).split(' ')
    await rm(file)
    return Number(bytes) / Number(nanoseconds)
  }
  const pairs = await inTurn(
    () => rate(join(media, 'written.bin')),
    () => rate(join(local, 'written.bin')),
    ROUNDS,
  )
  const peer = await rcloneMount(local, join(sandbox.home, 'rclone'), join(sandbox.home, 'rclone-cache'))
  const rclone = peer && (await rate(join(peer.directory, 'written.bin')).finally(() => peer.stop()))
  const beside: Beside = { ext4: pairs.other, ...(rclone === undefined ? {} : { rclone }) }
  await letUploadsGo(subject)
  return {
    id: 'write-seq',
    value: pairs.ours,
    unit: 'GB/s',
    reach: 'at least 0.7 of ext4, both with fsync, and 4x rclone mount with its cache of writes',
    met: pairs.ours >= 0.7 * pairs.other && rclone !== undefined && pairs.ours >= 4 * rclone,
    beside,
    notes: ratios(pairs.ours, beside),
  }
}

export async function untar(subject: Subject): Promise<Row> {
  const { media, sandbox } = subject
  await subject.listed()
  await holdUploads(subject)
  const archive = await smallFiles(subject)
  let round = 0
  const rate = async (directory: string) => {
    const target = join(directory, `${TREES} ${++round}`)
    await mkdir(target)
    return SMALL_FILES / (await time('tar', '-xf', archive, '-C', target))
  }
  const local = join(sandbox.home, 'local-trees')
  await mkdir(local, { recursive: true })
  const pairs = await inTurn(
    () => rate(media),
    () => rate(local),
    ROUNDS,
  )
  const peer = await rcloneMount(local, join(sandbox.home, 'rclone'), join(sandbox.home, 'rclone-cache'))
  const rclone = peer && (await rate(peer.directory).finally(() => peer.stop()))
  const beside: Beside = { ext4: pairs.other, ...(rclone === undefined ? {} : { rclone }) }
  await letUploadsGo(subject)
  return {
    id: 'untar',
    value: pairs.ours,
    unit: 'files/s',
    reach: 'at least 0.3 of ext4 and 10x rclone mount with its cache of writes',
    met: pairs.ours >= 0.3 * pairs.other && rclone !== undefined && pairs.ours >= 10 * rclone,
    beside,
    notes: [`${SMALL_FILES} files`, ...ratios(pairs.ours, beside)],
  }
}

export async function upload(subject: Subject): Promise<Row> {
  const { client, media, sandbox } = subject
  await subject.listed()
  const local = join(sandbox.home, 'uploaded.bin')
  await run(client, 'write', local, String(UPLOADED_MIB))
  let round = 0
  const pairs = await inTurn(
    async () => {
      const file = join(media, `uploaded ${++round}.bin`)
      await holdUploads(subject)
      await run('cp', local, file)
      await letUploadsGo(subject)
      return UPLOADED_MIB / (await secondsUntilSent(subject))
    },
    async () => UPLOADED_MIB / (await curlFragments(subject, local, `by curl ${++round}.bin`)),
    ROUNDS,
  )
  const beside = { curl: pairs.other }
  return {
    id: 'upload',
    value: pairs.ours,
    unit: 'MiB/s',
    reach: `at least 0.8 of one curl that sends fragments of ${FRAGMENT_MIB} MiB to such a session`,
    met: pairs.ours >= 0.8 * pairs.other,
    beside,
    notes: ratios(pairs.ours, beside),
  }
}

export async function uploadSmall(subject: Subject): Promise<Row> {
  const { media, sandbox } = subject
  await subject.listed()
  // What the rows before have written.
  await secondsUntilSent(subject)
  const archive = await smallFiles(subject)
  const target = join(media, 'small files')
  await mkdir(target)
  await holdUploads(subject)
  await run('tar', '-xf', archive, '-C', target)
  await sandbox.admin('PUT', '/link', { latencyMilliseconds: LATENCY_MILLISECONDS })
  try {
    await letUploadsGo(subject)
    const value = SMALL_FILES / (await secondsUntilSent(subject))
    const local = join(sandbox.home, 'one.txt')
    await writeFile(local, 'I exist to be sent one after the other.\n')
    const inARow = SMALL_FILES_IN_A_ROW / (await curlOneByOne(subject, local))
    return {
      id: 'upload-small',
      value,
      unit: 'files/s',
      reach: 'at least 10x one after the other, by curl over one connection, at 40 ms',
      met: value >= 10 * inARow,
      beside: { curl: inARow },
      notes: [`${SMALL_FILES} files`, ...ratios(value, { curl: inARow })],
    }
  } finally {
    await sandbox.admin('DELETE', '/link')
  }
}

export async function writeMiddle(subject: Subject): Promise<Row> {
  const { client, media, sandbox } = subject
  await subject.listed()
  // What is sent of it in the end is the whole file: SEMANTICS.md says so. Not measured here.
  await holdUploads(subject)
  await sandbox.admin('DELETE', '/counters')
  const [, nanoseconds] = (await run(client, 'write-at', join(media, HUGE), String(MIDDLE), '4096')).split(
    ' ',
  )
  await run(client, 'read-at', join(media, HUGE), String(MIDDLE + 2_000_000_000), '4096')
  const { content } = await sandbox.admin<{ content: { requests: number; bytes: number } }>(
    'GET',
    '/counters',
  )
  return {
    id: 'write-middle',
    value: Number(nanoseconds) / 1e6,
    unit: 'ms',
    reach: 'no whole download: at most 1 MiB moved for 4 KiB written and 4 KiB read elsewhere',
    met: content.bytes <= MIB,
    beside: {},
    notes: [`${content.requests} content requests, ${content.bytes} bytes moved`],
  }
}

/** Everything that changes a library is refused for now, so that nothing of it runs beside what is measured. */
async function holdUploads({ sandbox }: Subject): Promise<void> {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    await sandbox.admin('PUT', '/faults', {
      id: `hold-${method}`,
      match: { host: 'graph.microsoft.com', method },
      action: { status: 500 },
    })
  }
}

async function letUploadsGo({ sandbox }: Subject): Promise<void> {
  await sandbox.admin('DELETE', '/faults')
}

async function secondsUntilSent({ sandbox }: Subject): Promise<number> {
  const start = performance.now()
  const { total, items } = await sandbox.json<UnsentReport>('sync', '--wait')
  if (total > 0) throw new Error(`not everything was sent: ${JSON.stringify(items[0])}`)
  return (performance.now() - start) / 1000
}

/** An archive of small files in a few folders. */
async function smallFiles({ sandbox }: Subject): Promise<string> {
  const archive = join(sandbox.home, 'small.tar')
  const source = join(sandbox.home, 'small')
  for (let i = 0; i < SMALL_FILES; i++) {
    const folder = join(source, `folder ${Math.floor(i / 100)}`)
    if (i % 100 === 0) await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `file ${i}.txt`), `I am file ${i}, and as small as most are.\n`.repeat(20))
  }
  await run('tar', '-cf', archive, '-C', source, '.')
  return archive
}

async function uploadUrl({ sandbox, mediaDrive }: Subject, name: string): Promise<string> {
  return (await sandbox.admin<{ url: string }>('POST', '/upload-url', { drive: mediaDrive, name })).url
}

/** One curl, one connection, fragment after fragment. @returns seconds */
async function curlFragments(subject: Subject, file: string, name: string): Promise<number> {
  const trust = await subject.curlTrust()
  const url = await uploadUrl(subject, name)
  const fragments = `${file}.fragments`
  await mkdir(fragments, { recursive: true })
  await run('split', '-b', String(FRAGMENT_MIB * MIB), '-d', '-a', '3', file, join(fragments, 'f'))
  const total = UPLOADED_MIB * MIB
  const requests: string[] = []
  for (let start = 0, i = 0; start < total; start += FRAGMENT_MIB * MIB, i++) {
    const end = Math.min(total, start + FRAGMENT_MIB * MIB) - 1
    if (i > 0) requests.push('--next')
    const part = join(fragments, `f${String(i).padStart(3, '0')}`)
    const range = `Content-Range: bytes ${start}-${end}/${total}`
    requests.push(...trust, '--output', '/dev/null', '--upload-file', part, '--header', range, url)
  }
  const seconds = await time('curl', ...requests)
  await rm(fragments, { recursive: true })
  return seconds
}

/** Small files, each by a session that is there already: one request each. @returns seconds */
async function curlOneByOne(subject: Subject, file: string): Promise<number> {
  const trust = await subject.curlTrust()
  const size = Number((await run('stat', '-c', '%s', file)).trim())
  const requests: string[] = []
  for (let i = 0; i < SMALL_FILES_IN_A_ROW; i++) {
    if (i > 0) requests.push('--next')
    const range = `Content-Range: bytes 0-${size - 1}/${size}`
    const url = await uploadUrl(subject, `one by one ${i}.txt`)
    requests.push(...trust, '--output', '/dev/null', '--upload-file', file, '--header', range, url)
  }
  return time('curl', ...requests)
}
