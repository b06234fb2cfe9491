import { existsSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { Fault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import type { Progress, Prompt } from './answers.js'
import { parseArguments } from './command-arguments.js'
import { LineSplitter, parseMessage } from './lines.js'
import { toProblem } from './problem.js'
import {
  COMMAND_DEADLINE,
  LONGEST_REQUEST,
  PROTOCOL_VERSION,
  isCommandName,
  type AnswerOf,
  type ArgumentsOf,
  type CommandName,
  type DaemonMessage,
} from './protocol.js'

/** Where a running command speaks to its user. Calls return at once and never throw, also when the user has gone. */
export interface Conversation {
  progress(progress: Progress): void
  prompt(prompt: Prompt): void
}

/** One function a command. `signal` aborts on cancel, disconnection, deadline and when the server closes. */
export type CommandHandlers = {
  readonly [Name in CommandName]: (
    request: ArgumentsOf<Name>,
    conversation: Conversation,
    signal: AbortSignal,
  ) => Promise<AnswerOf<Name>>
}

export interface ControlServerOptions {
  /** In a private directory: whoever can reach it is us. */
  readonly socket: string
  readonly version: string
  readonly handlers: CommandHandlers
  /** Told of every command that failed; `failure` is a {@link Fault} or a bug. */
  readonly onFailure: (command: string, failure: unknown) => void
}

/** A client that sends requests without reading answers is cut off rather than kept in memory. */
const MOST_UNREAD_BYTES = 64 * 1024 * 1024
/** Progress is dropped, not queued, for a client that does not read. */
const MOST_UNREAD_BYTES_FOR_PROGRESS = 64 * 1024
const MOST_CLIENTS = 64
const MOST_REQUESTS_PER_CLIENT = 16
const FLUSH_DEADLINE: Milliseconds = 1_000

/** Answers clients on the Unix socket. protocol.ts tells what is said. */
export class ControlServer {
  readonly #options: ControlServerOptions
  #server: Server
  #isDraining = false
  readonly #clients = new Set<Client>()

  constructor(options: ControlServerOptions) {
    this.#options = options
    this.#server = this.#newServer()
  }

  get clientCount(): number {
    return this.#clients.size
  }

  /** The caller holds the daemon's lock, so a socket file that exists is left over from one that died. */
  async listen(): Promise<void> {
    const { socket } = this.#options
    await rm(socket, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(socket, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    await chmod(socket, 0o600)
  }

  /**
   * Listens again where somebody has removed the socket: with the user's run directory, at the end of a login session.
   * @throws what the file system throws
   */
  async renew(): Promise<void> {
    if (this.#isDraining || existsSync(this.#options.socket)) return
    // Closing removes whatever is at the address, so it comes first. Connections stay.
    this.#server.close()
    this.#server = this.#newServer()
    await this.listen()
    // Drained meanwhile.
    if (this.#isDraining) this.#server.close()
  }

  /** Takes no more clients and requests, cancels what runs, and removes the socket. Connections stay open. */
  drain(): void {
    this.#isDraining = true
    this.#server.close()
    for (const client of this.#clients) client.drain()
  }

  /** After {@link drain}: lets answers that were given reach their clients, then hangs up. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients].map(client => client.end()))
  }

  #newServer(): Server {
    const server = createServer(socket => this.#accept(socket))
    server.maxConnections = MOST_CLIENTS
    return server
  }

  #accept(socket: Socket): void {
    const client = new Client(socket, this.#options)
    this.#clients.add(client)
    socket.once('close', () => this.#clients.delete(client))
  }
}

class Client {
  readonly #socket: Socket
  readonly #options: ControlServerOptions
  readonly #lines = new LineSplitter(LONGEST_REQUEST)
  readonly #running = new Map<number, AbortController>()
  #draining = false

  constructor(socket: Socket, options: ControlServerOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('data', chunk => this.#receive(chunk))
    // A client that vanishes is no news: 'close' follows.
    socket.on('error', () => {})
    socket.once('close', () => this.#cancelAll(new Fault('cancelled', 'The client has gone')))
    this.#send({ type: 'hello', protocol: PROTOCOL_VERSION, version: options.version, pid: process.pid })
  }

  drain(): void {
    this.#draining = true
    this.#cancelAll(stopping())
  }

  async end(): Promise<void> {
    const socket = this.#socket
    if (socket.closed) return
    await new Promise<void>(resolve => {
      socket.once('close', () => resolve())
      // Not waiting for the client to close its side, nor for ever for it to read.
      socket.end(() => socket.destroy())
      setTimeout(() => socket.destroy(), FLUSH_DEADLINE).unref()
    })
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#obey(line)
    } catch (failure) {
      this.#options.onFailure('(protocol)', failure)
      this.#socket.destroy()
    }
  }

  #obey(line: string): void {
    const message = parseMessage(line)
    const id = message['id']
    if (typeof id !== 'number') throw new Fault('protocol-error', 'A message on the control socket has no id')
    if (message.type === 'cancel') {
      this.#running.get(id)?.abort(new Fault('cancelled', 'Cancelled'))
      return
    }
    if (
      message.type !== 'request' ||
      this.#running.has(id) ||
      this.#running.size >= MOST_REQUESTS_PER_CLIENT
    ) {
      throw new Fault('protocol-error', `The control socket does not expect ${JSON.stringify(message.type)}`)
    }
    void this.#run(id, String(message['command']), message['arguments'])
  }

  /** Never rejects. */
  async #run(id: number, command: string, rawArguments: unknown): Promise<void> {
    const abort = new AbortController()
    this.#running.set(id, abort)
    try {
      if (this.#draining) throw stopping()
      if (!isCommandName(command)) throw new Fault('usage', `Unknown command ${JSON.stringify(command)}`)
      const answer = await this.#handle(id, command, rawArguments, abort)
      this.#send({ type: 'answer', id, answer })
    } catch (failure) {
      this.#options.onFailure(command, failure)
      this.#send({ type: 'failure', id, problem: toProblem(failure) })
    } finally {
      this.#running.delete(id)
    }
  }

  async #handle<Name extends CommandName>(
    id: number,
    command: Name,
    rawArguments: unknown,
    abort: AbortController,
  ): Promise<AnswerOf<Name>> {
    const conversation: Conversation = {
      progress: progress => {
        if (this.#socket.writableLength < MOST_UNREAD_BYTES_FOR_PROGRESS)
          this.#send({ type: 'progress', id, progress })
      },
      prompt: prompt => this.#send({ type: 'prompt', id, prompt }),
    }
    const late = setTimeout(
      () => abort.abort(new Fault('timed-out', `"${command}" took too long and was given up`)),
      COMMAND_DEADLINE[command],
    )
    try {
      const request = parseArguments(command, rawArguments)
      // A handler that ignores its signal must not keep the user waiting.
      return await Promise.race([
        this.#options.handlers[command](request, conversation, abort.signal),
        aborted(abort.signal),
      ])
    } finally {
      clearTimeout(late)
    }
  }

  #send(message: DaemonMessage): void {
    if (!this.#socket.writable) return
    if (this.#socket.writableLength > MOST_UNREAD_BYTES) this.#socket.destroy()
    else this.#socket.write(`${JSON.stringify(message)}\n`)
  }

  #cancelAll(reason: Fault): void {
    for (const abort of this.#running.values()) abort.abort(reason)
  }
}

function stopping(): Fault {
  return new Fault('cancelled', 'The b2bmount daemon is stopping', { nextStep: 'Run the command again.' })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
