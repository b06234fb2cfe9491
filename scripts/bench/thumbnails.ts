import { spawn } from 'node:child_process'
import Sqlite from 'better-sqlite3'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { AddedLibrary } from '../../src/control/answers.js'
import type { Row } from './row.js'
import type { Subject } from './subject.js'

const PICTURES = 5_000
const FIRST = 200
const LATENCY_MILLISECONDS = 40
const BATCHES = 15
const LONGEST_MILLISECONDS = 300_000

/** A folder of 5,000 pictures: how soon the first 200 thumbnails are kept, and how fast all are. */
export async function thumbnails(subject: Subject): Promise<readonly [Row, Row]> {
  const { sandbox, directory } = subject
  const { addresses } = await sandbox.admin<{ addresses: Record<string, string> }>('GET', '/world')
  const address = addresses['tailspin five thousand'] ?? 'no such library'
  const { library } = await sandbox.json<AddedLibrary>('add', address)
  await subject.listed()
  const urls = await imageUrls(subject, library.root.drive)
  await sandbox.admin('PUT', '/link', { latencyMilliseconds: LATENCY_MILLISECONDS })
  try {
    await curl(subject, urls) // draws them
    const curlFirst = await curl(subject, urls.slice(0, FIRST))
    const curlAll = await curl(subject, urls)
    await sandbox.admin('DELETE', '/counters')
    const start = performance.now()
    await readdir(join(directory, library.organization, library.name, 'Pictures'))
    const kept = join(sandbox.home, '.local', 'state', 'b2bmount', 'emulator', 'store.sqlite')
    const first = await untilListed(kept, FIRST, start)
    const all = await untilListed(kept, PICTURES, start)
    const { routes } = await sandbox.admin<{ routes: Record<string, number> }>('GET', '/counters')
    const memory = (await subject.residentBytes()) / 2 ** 20
    const limit = (BATCHES * LATENCY_MILLISECONDS) / 1000 + curlFirst
    const notes = [`${routes['batch'] ?? 0} batches`, `daemon: ${memory.toFixed(0)} MiB`]
    return [
      {
        id: 'thumbs-first',
        value: first,
        unit: 's',
        reach: `at most ${BATCHES} round trips and one curl --parallel of the images: ${limit.toFixed(2)} s`,
        met: first <= limit,
        beside: { curl: curlFirst },
        notes,
      },
      {
        id: 'thumbs-all',
        value: PICTURES / all,
        unit: 'images/s',
        reach: 'at least 0.7 of one curl --parallel',
        met: curlAll / all >= 0.7,
        beside: { curl: PICTURES / curlAll },
        notes,
      },
    ]
  } finally {
    await sandbox.admin('DELETE', '/link')
  }
}

async function imageUrls({ sandbox }: Subject, drive: string): Promise<string[]> {
  const urls: string[] = []
  for (let i = 1; i <= PICTURES; i++) {
    const path = `Pictures/Picture ${String(i).padStart(4, '0')}.jpg`
    const query = new URLSearchParams({ drive, path }).toString()
    urls.push((await sandbox.admin<{ url: string }>('GET', `/thumbnail-url?${query}`)).url)
  }
  return urls
}

/** @returns seconds */
async function curl({ sandbox }: Subject, urls: readonly string[]): Promise<number> {
  const { connectTo, caFile } = JSON.parse(await readFile(sandbox.cloudFile, 'utf8')) as {
    connectTo: { address: string; port: number }
    caFile: string
  }
  const list = join(sandbox.home, 'curl-thumbnails')
  await writeFile(list, urls.map(url => `url = "${url}"\noutput = "/dev/null"\n`).join(''))
  const target = `::${connectTo.address}:${connectTo.port}`
  const args = [
    '--silent',
    '--fail',
    '--parallel',
    '--cacert',
    caFile,
    '--connect-to',
    target,
    '--config',
    list,
  ]
  const start = performance.now()
  const child = spawn('curl', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: LONGEST_MILLISECONDS })
  const status = await new Promise<number | null>(resolve => child.on('close', resolve))
  await rm(list)
  if (status !== 0) throw new Error(`curl ended with ${String(status)}`)
  return (performance.now() - start) / 1000
}

/** Until so many thumbnails are listed, which they are once their images are kept. @returns seconds since `start` */
async function untilListed(store: string, count: number, start: number): Promise<number> {
  const sqlite = new Sqlite(store, { readonly: true })
  try {
    const listed = sqlite
      .prepare<[], number>(`SELECT count(*) FROM thumbnail WHERE source = 'service'`)
      .pluck()
    for (;;) {
      const found = listed.get() ?? 0
      const passed = performance.now() - start
      if (found >= count) return passed / 1000
      if (passed > LONGEST_MILLISECONDS) throw new Error(`${found} of ${count} thumbnails in time`)
      await setTimeout(20)
    }
  } finally {
    sqlite.close()
  }
}
