import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sentence } from '../src/cli/format.js'
import type { Problem } from '../src/control/answers.js'
import { shellQuote } from '../src/control/shell-quote.js'
import { detachMount } from '../src/daemon/mount-probe.js'
import { readMountTable } from '../src/daemon/mount-table.js'

const execute = promisify(execFile)
const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const EMULATOR = fileURLToPath(new URL('../src/emulator/main.js', import.meta.url))
const PERSON = fileURLToPath(new URL('../src/emulator/person.js', import.meta.url))
// As a user runs it: without the hooks of a test runner, which every process loads and which see every module.
const ENV = '/usr/bin/env'
const PLAIN_NODE = ['-u', 'NODE_OPTIONS', process.execPath]
const LONGEST_COMMAND_MILLISECONDS = 120_000
const LONGEST_START_MILLISECONDS = 60_000

export interface Finished {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * A home of its own with an emulated cloud: the `b2bmount` command as a user has it, but no real
 * account, configuration or mount of this machine is touched. For the demo, the benchmark and tests.
 */
export interface Sandbox {
  /** Temporary; everything of the sandbox is below it. */
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly cloudFile: string
  readonly cloud: EmulatedCloud
  /** Runs `b2bmount …` to its end, whatever its exit status. */
  cli(...args: readonly string[]): Promise<Finished>
  /** Runs `b2bmount … --json`. @throws when it fails */
  json<Answer>(...args: readonly string[]): Promise<Answer>
  /** Asks the emulator's admin address, for example `GET`, `/world`. @throws on a status other than 2xx */
  admin<Answer>(method: string, path: string, body?: unknown): Promise<Answer>
  /** The same, for an answer that is not JSON. */
  adminBytes(path: string, headers?: Readonly<Record<string, string>>): Promise<Buffer>
  /** The network goes away and does not come back: connections break, new ones are refused. */
  cutOff(): Promise<void>
  /** Ends the daemon and, if it is its own, the emulator; unmounts, removes everything. Never throws. */
  close(): Promise<void>
}

export interface SandboxOptions {
  /** The cloud of another sandbox: two people's machines, one Microsoft 365. That one has to be closed last. */
  readonly cloud?: EmulatedCloud
  /** More arguments for the emulator, if it is its own, for example `--library`, `contoso/Projects=/srv/projects`. */
  readonly emulator?: readonly string[]
  /** Who sits at the browser. */
  readonly user?: string
  /** The command's main file, of another copy of the program. */
  readonly program?: string
  /** A program, with its arguments, that runs each command; for example in another namespace. */
  readonly within?: readonly string[]
}

export const DEMO_USER = 'ann@fabrikam.example'

interface EmulatorReady {
  readonly port: number
  readonly cloud: string
  readonly ca: string
}

/** The emulator that a sandbox has started. */
export interface EmulatedCloud {
  readonly child: ChildProcess
  readonly ready: EmulatorReady
}

export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  // Unix sockets below it need a short path.
  const home = await mkdtemp(join(tmpdir(), 'b2b-'))
  let own: EmulatedCloud | undefined
  try {
    const cloud = options.cloud ?? (own = await startEmulator(join(home, 'emulator'), options.emulator ?? []))
    const env = await privateEnvironment(home, cloud.ready.cloud, options.user ?? DEMO_USER)
    const ca = await readFile(cloud.ready.ca)
    return new OpenSandbox(home, env, cloud, ca, options)
  } catch (failure) {
    own?.child.kill('SIGKILL')
    await rm(home, { recursive: true, force: true })
    throw failure
  }
}

async function startEmulator(directory: string, args: readonly string[]): Promise<EmulatedCloud> {
  const child = spawn(
    ENV,
    [...PLAIN_NODE, EMULATOR, '--directory', directory, '--json', '--exit-with-parent', ...args],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_START_MILLISECONDS)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      return { child, ready: JSON.parse(line) as EmulatorReady }
    }
    throw new Error('the emulator ended before it was ready')
  } finally {
    clearTimeout(timer)
  }
}

async function stopEmulator({ child }: EmulatedCloud): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await gone
  clearTimeout(timer)
}

async function privateEnvironment(home: string, cloudFile: string, user: string): Promise<NodeJS.ProcessEnv> {
  const browser = join(home, 'browser')
  const command = [process.execPath, PERSON, '--cloud', cloudFile, '--as', user].map(shellQuote).join(' ')
  await writeFile(browser, `#!/bin/sh\nexec ${command} "$@"\n`)
  await chmod(browser, 0o755)
  const runtime = join(home, 'run')
  await mkdir(runtime, { mode: 0o700 })
  const { PATH, LANG } = process.env
  return { PATH, LANG, HOME: home, XDG_RUNTIME_DIR: runtime, BROWSER: browser, B2BMOUNT_CLOUD: cloudFile }
}

class OpenSandbox implements Sandbox {
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly cloudFile: string
  readonly cloud: EmulatedCloud
  readonly #ownsCloud: boolean
  readonly #ca: Buffer
  readonly #command: readonly [string, ...string[]]

  constructor(
    home: string,
    env: NodeJS.ProcessEnv,
    cloud: EmulatedCloud,
    ca: Buffer,
    { cloud: others, program = CLI, within: [runner, ...rest] = [] }: SandboxOptions,
  ) {
    this.home = home
    this.env = env
    this.cloudFile = cloud.ready.cloud
    this.cloud = cloud
    this.#ownsCloud = others === undefined
    this.#ca = ca
    const command = [ENV, ...PLAIN_NODE, program] as const
    this.#command = runner === undefined ? command : [runner, ...rest, ...command]
  }

  async cli(...args: readonly string[]): Promise<Finished> {
    const options = { env: this.env, timeout: LONGEST_COMMAND_MILLISECONDS, killSignal: 'SIGKILL' as const }
    try {
      const [program, ...given] = this.#command
      return { status: 0, ...(await execute(program, [...given, ...args], options)) }
    } catch (failure) {
      const { code, stdout, stderr } = failure as { code?: unknown; stdout: string; stderr: string }
      return { status: typeof code === 'number' ? code : -1, stdout, stderr }
    }
  }

  async json<Answer>(...args: readonly string[]): Promise<Answer> {
    const { status, stdout, stderr } = await this.cli(...args, '--json')
    if (status !== 0)
      throw new Error(`b2bmount ${args.join(' ')}: ${problemIn(stdout) ?? `${status} ${stderr}${stdout}`}`)
    return JSON.parse(stdout) as Answer
  }

  async admin<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.#ask(method, path, {}, body === undefined ? undefined : JSON.stringify(body))
    return (answer.length === 0 ? undefined : JSON.parse(answer.toString())) as Answer
  }

  adminBytes(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Buffer> {
    return this.#ask('GET', path, headers)
  }

  async cutOff(): Promise<void> {
    const { child } = this.cloud
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async close(): Promise<void> {
    await this.cli('stop')
    for (const directory of await mountsBelow(this.home)) {
      await detachMount(directory).catch(() => undefined)
    }
    if (this.#ownsCloud) await stopEmulator(this.cloud)
    if ((await mountsBelow(this.home)).length === 0) await rm(this.home, { recursive: true, force: true })
  }

  #ask(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: '127.0.0.1',
          port: this.cloud.ready.port,
          ca: this.#ca,
          method,
          path: `/_emulator${path}`,
          headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
          timeout: LONGEST_COMMAND_MILLISECONDS,
        },
        answer => {
          const chunks: Buffer[] = []
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('error', reject)
          answer.on('end', () => {
            const bytes = Buffer.concat(chunks)
            const status = answer.statusCode ?? 0
            if (status >= 200 && status < 300) resolve(bytes)
            else reject(new Error(`${method} ${path}: ${status} ${bytes.toString().slice(0, 500)}`))
          })
        },
      )
      asked.on('error', reject)
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer`)))
      asked.end(body)
    })
  }
}

/** The sentences of a failure that the command has explained. */
function problemIn(stdout: string): string | undefined {
  try {
    const { error } = JSON.parse(stdout) as { error: Problem }
    return [sentence(error.message), error.nextStep ?? ''].join(' ').trim()
  } catch {
    return undefined
  }
}

async function mountsBelow(directory: string): Promise<string[]> {
  const mounts = await readMountTable()
  return mounts.map(({ mountPoint }) => mountPoint).filter(point => point.startsWith(`${directory}/`))
}
