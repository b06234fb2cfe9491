import { constants } from 'node:os'
import t from 'tap'
import { Fault } from '../../../src/model/fault.js'
import type { FuseNativeBinding, FuseNativeHandler } from '../../../src/transport/fuse-native-package.js'
import { FuseNativeSession, type FuseOperations } from '../../../src/transport/fuse-native-session.js'

const { errno } = constants
const OPERATIONS = [
  'init',
  'getattr',
  'fgetattr',
  'readdir',
  'open',
  'read',
  'release',
  'statfs',
  'getxattr',
  'listxattr',
] as const
type Operation = (typeof OPERATIONS)[number]

const unasked = (): never => {
  throw new Error('must not be asked')
}
const nothing: FuseOperations = {
  getattr: unasked,
  fgetattr: unasked,
  readdir: unasked,
  open: unasked,
  read: unasked,
  release: unasked,
  statfs: unasked,
  getxattr: unasked,
  listxattr: unasked,
}

/** The compiled half of the package, without a kernel: requests come when the test says so. */
class FakeBinding {
  readonly answers: {
    readonly operation: Operation
    readonly thread: Uint8Array
    readonly answer: unknown[]
  }[] = []
  readonly bugs: unknown[] = []
  options = ''
  implemented: Uint32Array = new Uint32Array(0)
  unmounted = 0
  #handlers: readonly FuseNativeHandler[] = []

  mount(operations: Partial<FuseOperations>, deadline = 60_000): FuseNativeSession {
    return new FuseNativeSession({
      binding: this.#binding(),
      directory: '/somewhere',
      mountOptions: ['ro', 'use_ino'],
      operations: { ...nothing, ...operations },
      deadline,
      onBug: (_, failure) => void this.bugs.push(failure),
    })
  }

  request(operation: Operation, ...args: unknown[]): Uint8Array {
    const thread = new Uint8Array(8)
    this.#handlers[OPERATIONS.indexOf(operation)]?.(thread, OPERATIONS.indexOf(operation), ...args)
    return thread
  }

  async answered(count = 1): Promise<unknown[]> {
    while (this.answers.length < count) await new Promise(resolve => setImmediate(resolve))
    return this.answers.at(-1)?.answer ?? []
  }

  #binding(): FuseNativeBinding {
    const numbers = Object.fromEntries(OPERATIONS.map((name, number) => [`op_${name}`, number]))
    const signals = Object.fromEntries(
      OPERATIONS.map(operation => [
        `fuse_native_signal_${operation}`,
        (thread: Uint8Array, ...answer: unknown[]) => void this.answers.push({ operation, thread, answer }),
      ]),
    )
    return {
      ...numbers,
      ...signals,
      sizeof_fuse_thread_t: 100,
      fuse_native_mount: (...args: Parameters<FuseNativeBinding['fuse_native_mount']>) => {
        ;[, this.options, , , , this.#handlers, this.implemented] = args
      },
      fuse_native_unmount: () => {
        this.unmounted++
      },
    } as unknown as FuseNativeBinding
  }
}

t.test('mounts with its options, and says what it implements', t => {
  const fake = new FakeBinding()
  fake.mount({})
  t.equal(fake.options, '-oro,use_ino')
  t.equal(
    fake.implemented.reduce((sum, each) => sum + each, 0),
    OPERATIONS.length,
  )
  t.end()
})

t.test('bytes are in the given memory when the answer is given', async t => {
  const fake = new FakeBinding()
  fake.mount({
    read: async (handle, start, length) => {
      t.same([handle, start, length], [3, 5 * 2 ** 32 + 7, 16])
      return Buffer.from('hello')
    },
  })
  const into = Buffer.alloc(16)
  const thread = fake.request('read', '/film', 3, into, 16, 7, 5)
  t.same(await fake.answered(), [5, 0, into.buffer])
  t.equal(fake.answers[0]?.thread, thread)
  t.equal(into.subarray(0, 5).toString(), 'hello')
})

t.test('a read that comes too late is answered in time, and its memory is never touched again', async t => {
  const fake = new FakeBinding()
  let arrive = (_: Uint8Array): void => {}
  let seen: AbortSignal | undefined
  fake.mount(
    {
      read: (_handle, _start, _length, signal) => {
        seen = signal
        return new Promise(resolve => (arrive = resolve))
      },
    },
    5,
  )
  const into = Buffer.alloc(16)
  fake.request('read', '/film', 3, into, 16, 0, 0)
  t.same(await fake.answered(), [-errno.ETIMEDOUT, 0, into.buffer])
  t.ok(seen?.aborted)
  arrive(Buffer.from('late'))
  await new Promise(resolve => setImmediate(resolve))
  t.ok(into.every(byte => byte === 0))
  t.equal(fake.answers.length, 1, 'answered once')
})

t.test('what fails becomes an errno; what is no fault is a bug and EIO', async t => {
  const fake = new FakeBinding()
  let failure: Error = new Fault('offline', 'no network')
  fake.mount({
    open: async () => {
      throw failure
    },
    statfs: () => {
      throw failure
    },
  })
  fake.request('open', '/film', 0)
  t.same(await fake.answered(1), [-errno.ENETUNREACH, 0])
  t.same(fake.bugs, [])
  failure = new TypeError('a mistake')
  fake.request('statfs', '/')
  const [result, record] = await fake.answered(2)
  t.equal(result, -errno.EIO)
  t.type(record, Uint32Array, 'the package reads a record also then')
  t.same(fake.bugs, [failure])
})

t.test('getxattr says how much room is needed, and that there is too little', async t => {
  const fake = new FakeBinding()
  fake.mount({ getxattr: async () => Buffer.from('hello'), listxattr: async () => ['a', 'bc'] })
  const ask = async (
    operation: 'getxattr' | 'listxattr',
    room: number,
    position = 0,
  ): Promise<[unknown, string]> => {
    const into = Buffer.alloc(room)
    if (operation === 'getxattr') fake.request(operation, '/film', 'user.x', into, position)
    else fake.request(operation, '/film', into)
    const [result, buffer] = await fake.answered(fake.answers.length + 1)
    t.equal(buffer, into.buffer)
    return [result, into.toString()]
  }
  t.same(await ask('getxattr', 0), [5, ''])
  t.same(await ask('getxattr', 4), [-errno.ERANGE, '\0\0\0\0'])
  t.same(await ask('getxattr', 5), [5, 'hello'])
  t.same(await ask('getxattr', 5, 2), [3, 'llo\0\0'])
  t.same(await ask('listxattr', 0), [5, ''])
  t.same(await ask('listxattr', 4), [-errno.ERANGE, '\0\0\0\0'])
  t.same(await ask('listxattr', 6), [5, 'a\0bc\0\0'])
})

t.test('a closed session fails what waits and what comes, and still closes files', async t => {
  const fake = new FakeBinding()
  const released: number[] = []
  const session = fake.mount({
    readdir: () => new Promise(() => {}),
    release: handle => void released.push(handle),
  })
  fake.request('readdir', '/')
  session.close()
  session.close()
  t.same(await fake.answered(1), [-errno.ENOTCONN, [], []])
  fake.request('getattr', '/')
  t.equal((await fake.answered(2))[0], -errno.ENOTCONN)
  fake.request('release', '/film', 9)
  t.same(await fake.answered(3), [0])
  t.same(released, [9])
  t.equal(fake.unmounted, 1)
})
