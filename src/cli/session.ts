import { realpath } from 'node:fs/promises'
import { chooseCloud, type CloudChoice } from '../control/cloud-choice.js'
import type { ControlClient, RequestObserver } from '../control/control-client.js'
import { connectToDaemon, connectToRunningDaemon } from '../control/daemon-connection.js'
import { pathsFor, type Environment, type Paths } from '../control/paths.js'
import type { AnswerOf, ArgumentsOf, CommandName } from '../control/protocol.js'
import { isFault } from '../model/fault.js'
import { openBrowser } from './browser.js'
import { EXIT } from './exit-code.js'
import type { Output } from './output.js'

export interface SessionOptions {
  readonly output: Output
  readonly environment: Environment
  /** `--cloud` */
  readonly cloud: string | undefined
  /** The daemon's program. */
  readonly daemonProgram: string
  /** Ctrl-C. */
  readonly signal: AbortSignal
}

/** One run of one command: which cloud it is about, and its connection to the daemon. */
export class Session {
  readonly output: Output
  readonly environment: Environment
  readonly signal: AbortSignal
  /** For a command that does its work and still has bad news. */
  exitCode: number = EXIT.ok
  readonly #options: SessionOptions
  #cloud: Promise<CloudChoice> | undefined
  #client: ControlClient | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.output = options.output
    this.environment = options.environment
    this.signal = options.signal
  }

  /** @throws {Fault} `configuration-invalid` */
  cloud(): Promise<CloudChoice> {
    return (this.#cloud ??= chooseCloud(this.#options.cloud, this.environment))
  }

  /** The `--cloud` by which another process finds the same drive; `undefined` where the configuration says it. */
  async cloudOption(): Promise<string | undefined> {
    const isChosen = this.#options.cloud !== undefined || this.environment['B2BMOUNT_CLOUD'] !== undefined
    return isChosen ? (await this.cloud()).choice : undefined
  }

  async paths(): Promise<Paths> {
    const { cloud } = await this.cloud()
    return pathsFor(cloud.name, this.environment)
  }

  /** Asks the daemon, which is started if it does not run. */
  async ask<Name extends CommandName>(command: Name, args: ArgumentsOf<Name>): Promise<AnswerOf<Name>> {
    const { output, signal, daemonProgram, environment } = this.#options
    if (this.#client === undefined) {
      const [{ choice }, paths] = [await this.cloud(), await this.paths()]
      output.progress({ message: 'Starting the daemon' })
      this.#client = await connectToDaemon(
        { program: daemonProgram, cloud: choice, environment, paths },
        signal,
      )
    }
    return this.#client.request(command, args, signal, this.#observer())
  }

  /**
   * As {@link ask}, about a path. The daemon knows its drive by the mount point's real path; the user may have come by a
   * symbolic link. Asked second: on a drive that does not answer, finding the real path would wait.
   */
  async askAbout<Name extends CommandName>(
    command: Name,
    path: string,
    args: (path: string) => ArgumentsOf<Name>,
  ): Promise<AnswerOf<Name>> {
    try {
      return await this.ask(command, args(path))
    } catch (failure) {
      if (!isFault(failure, 'not-mounted', 'not-added')) throw failure
      const real = await realpath(path).catch(() => path)
      if (real === path) throw failure
      return this.ask(command, args(real))
    }
  }

  /** The daemon if it runs, of whatever version. */
  async runningDaemon(): Promise<ControlClient | undefined> {
    return (this.#client ??= await connectToRunningDaemon(await this.paths(), this.signal))
  }

  close(): void {
    this.#client?.close()
    this.output.finish()
  }

  #observer(): RequestObserver {
    return {
      onProgress: progress => this.output.progress(progress),
      onPrompt: prompt => {
        const opened = prompt.kind === 'browser' && openBrowser(prompt.url, this.environment)
        this.output.prompt(prompt, opened)
      },
    }
  }
}
