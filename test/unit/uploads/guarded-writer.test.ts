import t from 'tap'
import { Pace } from '../../../src/concurrency/pace.js'
import type { DriveItem } from '../../../src/model/drive-item.js'
import { Fault } from '../../../src/model/fault.js'
import type { ContentVersion, ItemKey, TenantId } from '../../../src/model/ids.js'
import type { RemoteWriter, UploadProgress, UploadSource, UploadTarget } from '../../../src/model/remote.js'
import { GuardedWriter } from '../../../src/uploads/guarded-writer.js'
import { aWhile } from '../../semantics/drive-world.js'
import { TestClock } from '../../semantics/test-clock.js'

const { signal } = new AbortController()
const key = { tenant: 'contoso' as TenantId, drive: 'b!1', item: '01A' } as ItemKey
const target: UploadTarget = { kind: 'new', parent: key, name: 'a.bin' }
const progress: UploadProgress = {
  session: undefined,
  outdated: [],
  setSession: () => {},
  left: () => {},
  ended: () => {},
  sent: () => {},
}
const SIZE = 1_000_000

class Source implements UploadSource {
  readonly size = SIZE
  readonly modified = 7
  readonly #piece = new Uint8Array(SIZE)
  read({ start, end }: { start: number; end: number }): Promise<Uint8Array> {
    return Promise.resolve(this.#piece.subarray(start, end))
  }
}

/** Sends in pieces of 10,000, and reads all of it once more when it has. */
class FakeWriter {
  calls: string[] = []
  sent = 0

  readonly remote = {
    upload: async (_: UploadTarget, source: UploadSource) => {
      this.calls.push('upload')
      for (; this.sent < source.size; this.sent += 10_000) await source.admit?.(10_000)
      await source.read({ start: 0, end: source.size })
      return {} as DriveItem
    },
    createFolder: () => this.#called('createFolder'),
    update: () => this.#called('update'),
    delete: async () => {
      await this.#called('delete')
    },
    endUpload: async () => {
      await this.#called('endUpload')
    },
    holds: async () => {
      await this.#called('holds')
      return true
    },
    item: () => this.#called('item'),
    child: () => this.#called('child'),
  } satisfies RemoteWriter

  #called(what: string): Promise<DriveItem> {
    this.calls.push(what)
    return Promise.resolve({} as DriveItem)
  }
}

function everyCall(writer: RemoteWriter): Promise<unknown>[] {
  return [
    writer.upload(target, new Source(), progress, signal),
    writer.createFolder(key, 'folder', signal),
    writer.update(key, { name: 'b.bin' }, undefined, signal),
    writer.delete(key, undefined, signal),
    writer.endUpload(key.tenant, 'https://upload.example', signal),
    writer.holds(key, 'ctag:1' as ContentVersion, new Source(), signal),
    writer.item(key, signal),
    writer.child(key, 'a.bin', signal),
  ]
}

t.test('nothing is asked of an organization that is blocked', async t => {
  const fake = new FakeWriter()
  const pace = new Pace(new TestClock(), () => undefined)
  let refusal: Fault | undefined = new Fault('blocked-by-policy', 'not this one')
  const writer = new GuardedWriter(fake.remote, { refusalOf: () => Promise.resolve(refusal), pace })
  for (const call of everyCall(writer)) await t.rejects(call, { code: 'blocked-by-policy' })
  t.same(fake.calls, [])
  refusal = undefined
  await Promise.all(everyCall(writer))
  t.same(fake.calls.sort(), [
    'child',
    'createFolder',
    'delete',
    'endUpload',
    'holds',
    'item',
    'update',
    'upload',
  ])
})

t.test('uploads together are as fast as they may be, from now on also when that changes', async t => {
  const clock = new TestClock()
  const fakes = [new FakeWriter(), new FakeWriter(), new FakeWriter(), new FakeWriter()]
  let rate: number | undefined = 100_000
  const pace = new Pace(clock, () => rate)
  const uploads = fakes.map(({ remote }) =>
    new GuardedWriter(remote, { refusalOf: () => Promise.resolve(undefined), pace }).upload(
      target,
      new Source(),
      progress,
      signal,
    ),
  )
  for (let tenth = 0; tenth < 100; tenth++) {
    await aWhile(20)
    clock.advance(100)
  }
  const sent = fakes.reduce((sum, fake) => sum + fake.sent, 0)
  t.ok(sent >= 950_000 && sent <= 1_150_000, `${sent} bytes in 10 s`)
  rate = undefined
  clock.advance(100)
  await Promise.all(uploads)
})

t.test('who waits for a turn is aborted at once', async t => {
  const clock = new TestClock()
  const pace = new Pace(clock, () => 50_000)
  const abort = new AbortController()
  const writer = new GuardedWriter(new FakeWriter().remote, {
    refusalOf: () => Promise.resolve(undefined),
    pace,
  })
  const uploading = writer.upload(target, new Source(), progress, abort.signal)
  await aWhile(20)
  abort.abort(new Error('changed again'))
  await t.rejects(uploading, { message: 'changed again' })
})
