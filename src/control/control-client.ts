import { createConnection, type Socket } from 'node:net'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { Problem, Progress, Prompt } from './answers.js'
import { LineSplitter, parseMessage } from './lines.js'
import { fromProblem } from './problem.js'
import {
  COMMAND_DEADLINE,
  LONGEST_ANSWER,
  PROTOCOL_VERSION,
  type AnswerOf,
  type ArgumentsOf,
  type ClientMessage,
  type CommandName,
  type Hello,
} from './protocol.js'

/** The daemon says hello as soon as its JavaScript runs; longer means that it is stuck. */
const HELLO_DEADLINE: Milliseconds = 10_000
/** What the daemon gets beyond its own deadline to say so itself. */
const GRACE: Milliseconds = 5_000

export interface RequestObserver {
  onProgress(progress: Progress): void
  onPrompt(prompt: Prompt): void
}

interface Waiting {
  readonly observer: RequestObserver | undefined
  resolve(answer: unknown): void
  reject(failure: Error): void
}

/** One connection to the daemon. Answers are trusted: it is our own program in the same protocol version. */
export class ControlClient {
  readonly hello: Hello
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  private constructor(socket: Socket, hello: Hello) {
    this.#socket = socket
    this.hello = hello
  }

  /**
   * @returns `undefined` when no daemon listens there, or the one that did ended before it said hello: a process that
   *   was killed still accepts connections until the last of its threads has gone
   * @throws {Fault} `daemon-unreachable` when something listens and does not say hello
   */
  static async connect(socketPath: string, signal: AbortSignal): Promise<ControlClient | undefined> {
    const socket = await open(socketPath)
    if (socket === undefined) return undefined
    if (signal.aborted) {
      socket.destroy()
      throw signal.reason as Error
    }
    const lines = new LineSplitter(LONGEST_ANSWER)
    return new Promise((resolve, reject) => {
      let client: ControlClient | undefined
      const settle = () => {
        clearTimeout(late)
        signal.removeEventListener('abort', cancel)
      }
      const fail = (failure: Error) => {
        settle()
        socket.destroy()
        if (client === undefined) reject(failure)
        else client.#failAll(failure)
      }
      const hungUp = (failure: Error) => {
        if (client !== undefined) return fail(failure)
        settle()
        resolve(undefined)
      }
      const cancel = () => fail(signal.reason as Error)
      const late = setTimeout(() => fail(unreachable('does not answer')), HELLO_DEADLINE)
      signal.addEventListener('abort', cancel, { once: true })
      socket.on('error', failure => hungUp(unreachable('closed the connection', failure)))
      socket.on('close', () => hungUp(unreachable('ended')))
      socket.on('data', chunk => {
        try {
          for (const line of lines.push(chunk)) {
            if (client !== undefined) client.#receive(line)
            else {
              client = new ControlClient(socket, parseHello(line))
              settle()
              resolve(client)
            }
          }
        } catch (failure) {
          fail(failure as Error)
        }
      })
    })
  }

  /** Whether this daemon understands this client. */
  get compatible(): boolean {
    return this.hello.protocol === PROTOCOL_VERSION
  }

  /**
   * @param signal cancels the command in the daemon; the promise then rejects with the signal's reason at once
   * @throws {Fault} what the daemon threw; `daemon-incompatible`, `daemon-unreachable`, `timed-out`
   * @throws {InternalError} for a bug in the daemon
   */
  async request<Name extends CommandName>(
    command: Name,
    args: ArgumentsOf<Name>,
    signal: AbortSignal,
    observer?: RequestObserver,
  ): Promise<AnswerOf<Name>> {
    signal.throwIfAborted()
    if (!this.compatible) throw incompatible(this.hello)
    const id = ++this.#lastId
    return new Promise<AnswerOf<Name>>((resolve, reject) => {
      const settle = () => {
        clearTimeout(late)
        signal.removeEventListener('abort', cancel)
        this.#waiting.delete(id)
      }
      const cancel = () => {
        settle()
        this.#send({ type: 'cancel', id })
        reject(signal.reason as Error)
      }
      const late = setTimeout(() => {
        settle()
        reject(new Fault('timed-out', 'The b2bmount daemon does not answer', { nextStep: RESTART }))
      }, COMMAND_DEADLINE[command] + GRACE)
      signal.addEventListener('abort', cancel, { once: true })
      this.#waiting.set(id, {
        observer,
        resolve: answer => {
          settle()
          resolve(answer as AnswerOf<Name>)
        },
        reject: failure => {
          settle()
          reject(failure)
        },
      })
      this.#send({ type: 'request', id, command, arguments: args })
    })
  }

  close(): void {
    this.#socket.end(() => this.#socket.destroy())
  }

  /** Resolves when the daemon has closed the connection. */
  async closed(): Promise<void> {
    if (this.#socket.closed) return
    await new Promise<void>(resolve => this.#socket.once('close', () => resolve()))
  }

  #receive(line: string): void {
    const message = parseMessage(line)
    const waiting = this.#waiting.get(message['id'] as number)
    // Cancelled meanwhile.
    if (waiting === undefined) return
    switch (message.type) {
      case 'progress':
        waiting.observer?.onProgress(message['progress'] as Progress)
        return
      case 'prompt':
        waiting.observer?.onPrompt(message['prompt'] as Prompt)
        return
      case 'answer':
        waiting.resolve(message['answer'])
        return
      case 'failure':
        waiting.reject(fromProblem(message['problem'] as Problem))
        return
    }
  }

  #send(message: ClientMessage): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`)
    else this.#failAll(unreachable('ended'))
  }

  #failAll(failure: Error): void {
    for (const waiting of [...this.#waiting.values()]) waiting.reject(failure)
  }
}

const RESTART = 'Restart it:  b2bmount stop'

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (failure: NodeJS.ErrnoException) => {
      // ECONNREFUSED: the file was left behind by a daemon that was killed.
      if (failure.code === 'ENOENT' || failure.code === 'ECONNREFUSED') resolve(undefined)
      else reject(unreachable(`cannot be reached (${failure.code ?? 'unknown error'})`, failure))
    })
  })
}

function parseHello(line: string): Hello {
  const { type, protocol, version, pid } = parseMessage(line)
  if (
    type !== 'hello' ||
    typeof protocol !== 'number' ||
    typeof version !== 'string' ||
    typeof pid !== 'number'
  ) {
    throw unreachable('does not speak the protocol of b2bmount')
  }
  return { type, protocol, version, pid }
}

function unreachable(what: string, cause?: Error): Fault {
  return new Fault('daemon-unreachable', `The b2bmount daemon ${what}`, { cause, nextStep: RESTART })
}

function incompatible(hello: Hello): Fault {
  return new Fault(
    'daemon-incompatible',
    `The running b2bmount daemon is of another version (${hello.version})`,
    {
      nextStep: RESTART,
    },
  )
}
