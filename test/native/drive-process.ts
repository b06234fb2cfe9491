import { type ChildProcess, execFile, spawn, type SpawnOptions } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Request, SessionOptions, Statistics } from '../../native/index.js'
import type { Call, FromChild } from './drive-child.js'

const CHILD = fileURLToPath(new URL('./drive-child.js', import.meta.url))
/** For whatever should take milliseconds. */
const LIMIT_MILLISECONDS = 15_000

export const isRoot = process.getuid?.() === 0

interface Test {
  teardown(work: () => unknown): void
}

interface User {
  readonly uid: number
  readonly gid: number
}

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program that may touch the mount, in a process that can be killed. Never throws. */
export function run(command: string, ...args: readonly string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const options = { timeout: LIMIT_MILLISECONDS, killSignal: 'SIGKILL', maxBuffer: 64 << 20 } as const
    const child = execFile(command, args, options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr })
    })
  })
}

/** A program that runs while the test goes on; killed at the end of the test. */
export function start(
  t: Test,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore', ...options })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

export function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return within(
    'the end of a process',
    new Promise(resolve => {
      if (child.exitCode !== null || child.signalCode !== null) {
        resolve({ code: child.exitCode, signal: child.signalCode })
      } else {
        child.once('exit', (code, signal) => resolve({ code, signal }))
      }
    }),
  )
}

/** Asks again and again: the kernel is told of changes by a thread of the child. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + LIMIT_MILLISECONDS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('what was waited for did not come about')
    await new Promise(setImmediate) // `holds` may wait for output that only the event loop brings
  }
}

/** Device number and type of what is mounted at `directory`, from the kernel's table: does not touch the mount. */
export function mountedAt(directory: string): { device: string; type: string; options: string } | undefined {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const line = lines.findLast(line => line.split(' ')[4] === directory.replaceAll(' ', '\\040'))
  if (line === undefined) return undefined
  const fields = line.split(' ')
  const type = fields[fields.indexOf('-') + 1] ?? ''
  return { device: fields[2] ?? '', type, options: fields[5] ?? '' }
}

/** @param device as {@link mountedAt} says it. Of a connection that has gone, somebody else's mount may have it by now. */
export function abortConnection(device: string): Promise<Outcome> {
  const number = device.split(':')[1] ?? ''
  if (!isRoot) return run('sh', '-c', `echo 1 > /sys/fs/fuse/connections/${number}/abort`)
  // The control file system need not be mounted: in a mount namespace of its own it always is.
  return run('unshare', '-m', 'sh', '-c', `mount -t fusectl none /mnt && echo 1 > /mnt/${number}/abort`)
}

/** A mount served by a child process. */
export class DriveProcess {
  readonly directory: string
  readonly scratch: string
  readonly events: Request[] = []
  /** Messages of what handlers have thrown. */
  readonly uncaught: string[] = []
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (message: FromChild) => void>()
  readonly #watchers = new Set<() => void>()
  #sequence = 0

  private constructor(
    scratch: string,
    directory: string,
    user: User | undefined,
    env: NodeJS.ProcessEnv,
    wrapper: readonly string[],
  ) {
    this.scratch = scratch
    this.directory = directory
    // Without the test runner's hooks, which write files at exit: another user may not.
    const command = ['-u', 'NODE_OPTIONS', ...wrapper, process.execPath, CHILD]
    this.#child = spawn('/usr/bin/env', command, {
      ...user,
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message: FromChild) => this.#receive(message))
  }

  /** The child, without a mount yet. `name` is the mount point's; `wrapper`, a command that becomes the child. */
  static launch(
    t: Test,
    name = 'mount',
    user?: User,
    env: NodeJS.ProcessEnv = process.env,
    wrapper: readonly string[] = [],
  ): DriveProcess {
    const scratch = mkdtempSync(join(tmpdir(), 'b2bmount-native-'))
    const directory = join(scratch, name)
    mkdirSync(directory)
    const drive = new DriveProcess(scratch, directory, user, env, wrapper)
    t.teardown(async () => {
      drive.#child.kill('SIGKILL')
      await ended(drive.#child)
      while (mountedAt(directory))
        await run(isRoot ? 'umount' : 'fusermount3', ...(isRoot ? ['-l'] : ['-uz']), directory)
      rmSync(scratch, { recursive: true })
    })
    return drive
  }

  static async mount(t: Test, options: Partial<SessionOptions> = {}): Promise<DriveProcess> {
    const drive = DriveProcess.launch(t)
    await drive.mount(options)
    return drive
  }

  mount(
    options: Partial<SessionOptions> = {},
  ): Promise<{ minor: number; passthrough: boolean; epoch: boolean }> {
    return this.#call('process', 'mount', [
      {
        directory: this.directory,
        source: 'b2bmount',
        subtype: 'b2bmount',
        readOnly: true,
        allowOther: false,
        uid: process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
        passthrough: false,
        timeoutSeconds: 3600,
        deadlineMilliseconds: 10_000,
        maxEntries: 200_000,
        largestFile: 2 ** 44,
        ...options,
      } satisfies SessionOptions,
    ])
  }

  get process(): ChildProcess {
    return this.#child
  }

  path(...names: readonly string[]): string {
    return join(this.directory, ...names)
  }

  /** Calls a method of the child's MemoryDrive. */
  drive<Value = undefined>(method: string, ...args: readonly unknown[]): Promise<Value> {
    return this.#call('drive', method, args)
  }

  /** Calls a method of the child's Session. */
  session<Value = undefined>(method: string, ...args: readonly unknown[]): Promise<Value> {
    return this.#call('session', method, args)
  }

  statistics(): Promise<Statistics> {
    return this.session('statistics')
  }

  /** The child ends by itself, with this code; resolves when it has. */
  async exit(code: number): Promise<void> {
    this.#child.send({ sequence: 0, on: 'process', method: 'exit', args: [code] } satisfies Call)
    await ended(this.#child)
  }

  /** The first event, past or to come, that fits. */
  event<Op extends Request['op']>(
    op: Op,
    fits: (event: Request & { op: Op }) => boolean = () => true,
  ): Promise<Request & { op: Op }> {
    const find = (): (Request & { op: Op }) | undefined =>
      this.events.find(
        (event): event is Request & { op: Op } => event.op === op && fits(event as Request & { op: Op }),
      )
    return within(
      `the event ${op}`,
      new Promise(resolve => {
        const look = (): void => {
          const found = find()
          if (!found) return
          this.#watchers.delete(look)
          resolve(found)
        }
        this.#watchers.add(look)
        look()
      }),
    )
  }

  count(op: Request['op']): number {
    return this.events.filter(event => event.op === op).length
  }

  #call<Value>(on: Call['on'], method: string, args: readonly unknown[]): Promise<Value> {
    const sequence = ++this.#sequence
    const answer = new Promise<Value>((resolve, reject) => {
      this.#answers.set(sequence, message => {
        if (message.kind === 'answer') resolve(message.value as Value)
        if (message.kind === 'failure')
          reject(Object.assign(new Error(message.message), { code: message.code }))
      })
    })
    this.#child.send({ sequence, on, method, args } satisfies Call)
    return within(`the answer to ${method}`, answer)
  }

  #receive(message: FromChild): void {
    if (message.kind === 'event') {
      this.events.push(message.event)
      for (const look of [...this.#watchers]) look()
    } else if (message.kind === 'uncaught') {
      this.uncaught.push(message.message)
    } else {
      this.#answers.get(message.sequence)?.(message)
      this.#answers.delete(message.sequence)
    }
  }
}

async function within<Value>(what: string, work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come`)), LIMIT_MILLISECONDS)
  })
  return Promise.race([work, limit]).finally(() => clearTimeout(timer))
}
