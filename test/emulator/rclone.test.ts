import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { createHash } from 'node:crypto'
import { demoWorld } from '../../src/emulator/world/demo-world.js'
import { pathOf } from '../../src/emulator/world/drive.js'

const run = promisify(execFile)

interface Report {
  readonly listing: readonly string[]
  readonly text: string
  readonly tail: string
  readonly copied: Readonly<Record<string, string>>
  readonly check: string
  readonly written: { readonly listing: readonly string[]; readonly check: string }
  readonly later: readonly string[]
  readonly routes: Readonly<Record<string, number>>
}

/** The reason why this machine cannot run it. */
function obstacle(): string | false {
  if (process.platform !== 'linux') return 'needs Linux namespaces'
  if (process.getuid?.() !== 0) return 'needs root, for a mount namespace with its own /etc/hosts'
  for (const program of ['rclone', 'unshare', 'ip', 'mount']) {
    if (!isOnPath(program)) return `needs ${program}`
  }
  return false
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some(directory => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

t.test(
  'rclone signs in as a guest, lists, reads, changes and checks a library, unchanged',
  { skip: obstacle() },
  async t => {
    const inside = fileURLToPath(new URL('rclone-in-namespace.js', import.meta.url))
    const { stdout } = await run('unshare', ['-m', '-n', process.execPath, inside, t.testdir()], {
      timeout: 110_000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
    })
    const report = JSON.parse(stdout) as Report

    const drive = demoWorld().sites.find(site => site.path === '/sites/Design')?.libraries[0]
    const files = [...(drive?.enumerate() ?? [])].filter(item => item.kind === 'file')
    t.same([...report.listing].sort(), files.map(item => `${pathOf(item).join('/')};${item.size}`).sort())
    t.equal(report.text, 'Welcome. This library is shared with you.\n')
    t.equal(report.tail, ' Thi')
    t.match(report.check, /0 differences found/)
    t.match(report.check, new RegExp(`${files.length} matching files`))
    t.same([...report.written.listing].sort(), ['large.bin', 'sub/', 'sub/MOVED.txt', 'sub/empty.txt'])
    t.match(report.written.check, /0 differences found/)
    t.match(report.written.check, /3 matching files/)
    t.ok((report.routes['upload-fragment'] ?? 0) >= 5, 'the large file came in fragments, twice')
    t.equal(report.later.length, 9)
    t.ok((report.routes['token'] ?? 0) >= 2, 'it refreshed its token')
    t.equal(report.routes['not-emulated'], undefined, 'it asked for nothing that the emulator does not have')

    for (const file of files) {
      const bytes = Buffer.alloc(file.size)
      await (await file.content?.open())?.read(bytes, 0)
      t.equal(
        report.copied[pathOf(file).join('/')],
        createHash('sha256').update(bytes).digest('hex'),
        file.name,
      )
    }
  },
)
