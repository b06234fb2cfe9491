import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { setTimeout } from 'node:timers/promises'
import { PNG } from 'pngjs'
import type { Test } from 'tap'

const execute = promisify(execFile)
const LONGEST_WAIT_MILLISECONDS = 45_000
const SCREEN = { width: 1000, height: 700 } as const

export interface Colour {
  readonly red: number
  readonly green: number
  readonly blue: number
}

/** A screen that nobody sees, a session bus, and programs on them. Ends with the test. */
export class DesktopSession {
  readonly #test: Test
  readonly #env: NodeJS.ProcessEnv

  private constructor(test: Test, env: NodeJS.ProcessEnv) {
    this.#test = test
    this.#env = env
  }

  /** @param env HOME and where its owner's programs keep things */
  static async open(test: Test, env: NodeJS.ProcessEnv): Promise<DesktopSession> {
    // It picks a free number and says which.
    const screen = spawn(
      'Xvfb',
      ['-displayfd', '3', '-screen', '0', `${SCREEN.width}x${SCREEN.height}x24`, '-nolisten', 'tcp'],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      },
    )
    test.teardown(() => end(screen, 'SIGTERM'))
    const [number] = (await once(screen.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer]
    return new DesktopSession(test, {
      ...env,
      // Of the system: an interpreter that somebody has put before it may lack GNOME's bindings.
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      DISPLAY: `:${number.toString().trim()}`,
      GDK_BACKEND: 'x11',
      GSK_RENDERER: 'cairo',
      LIBGL_ALWAYS_SOFTWARE: '1',
      NO_AT_BRIDGE: '1',
      GTK_A11Y: 'none',
      // Not gvfs, whose helpers would outlive the session.
      GIO_USE_VFS: 'local',
      GIO_USE_VOLUME_MONITOR: 'unix',
      GSETTINGS_BACKEND: 'memory',
    })
  }

  /** Starts a program with a session bus of its own; both end with the test. */
  start(program: string, ...args: readonly string[]): void {
    const child = spawn('dbus-run-session', ['--', program, ...args], {
      env: this.#env,
      stdio: 'ignore',
      // A process group: the bus starts services that must end, too.
      detached: true,
    })
    this.#test.teardown(() => end(child, 'SIGKILL'))
  }

  async keys(...keys: readonly string[]): Promise<void> {
    await execute('xdotool', ['key', '--delay', '100', ...keys], { env: this.#env })
  }

  /** Waits until a window's title matches, and gives it the keyboard. */
  async focus(title: string): Promise<void> {
    const search = ['search', '--sync', '--onlyvisible', '--name', title]
    await execute('xdotool', [...search, 'windowfocus'], {
      env: this.#env,
      timeout: LONGEST_WAIT_MILLISECONDS,
      killSignal: 'SIGKILL',
    })
  }

  /** Gives a window all of the screen. */
  async enlarge(title: string): Promise<void> {
    const search = ['search', '--onlyvisible', '--name', title]
    const { width, height } = SCREEN
    const change = ['windowmove', '0', '0', 'windowsize', String(width), String(height)]
    await execute('xdotool', [...search, ...change], { env: this.#env })
  }

  /** How many pixels of the screen are exactly of a colour. */
  async count(colour: Colour): Promise<number> {
    return (await this.look()).count(colour)
  }

  async look(): Promise<Screenshot> {
    const { stdout } = await execute('import', ['-window', 'root', 'png:-'], {
      env: this.#env,
      encoding: 'buffer',
      maxBuffer: 64 << 20,
    })
    return new Screenshot(PNG.sync.read(stdout).data)
  }
}

/** What is on the screen at one time. */
export class Screenshot {
  readonly #pixels: Uint8Array

  /** @param pixels four bytes each */
  constructor(pixels: Uint8Array) {
    this.#pixels = pixels
  }

  /** How many pixels are of a colour, or differ from it by no more than so much in each channel. */
  count({ red, green, blue }: Colour, tolerance = 0): number {
    const pixels = this.#pixels
    const near = (at: number, wanted: number) => Math.abs((pixels[at] ?? 0) - wanted) <= tolerance
    let count = 0
    for (let i = 0; i < pixels.length; i += 4) {
      if (near(i, red) && near(i + 1, green) && near(i + 2, blue)) count++
    }
    return count
  }
}

/** Asks again and again until it holds; for what another program does in its own time. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  within = LONGEST_WAIT_MILLISECONDS,
): Promise<void> {
  const end = performance.now() + within
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`)
    await setTimeout(200)
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  if (signal === 'SIGKILL') process.kill(-child.pid, signal)
  else child.kill(signal)
  await gone
}
