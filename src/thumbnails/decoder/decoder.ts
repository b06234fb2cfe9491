import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { Fault } from '../../model/fault.js'
import type { ThumbnailBox } from '../../model/thumbnail.js'
import { confined, findConfinement, type Confinement } from './confinement.js'
import { frame, FrameReader, piecesOf } from './frames.js'
import { IDLE, LARGEST_ANSWER, LARGEST_JOB, LONGEST_JOB, LONGEST_START, MOST_JOBS } from './limits.js'

/** What came out of one image. */
export type Decoded =
  | { readonly kind: 'thumbnails'; readonly pngs: readonly Uint8Array[] }
  /** Not an image, a damaged one, or one that asks for too much. `reason` for the log only: it may quote the image. */
  | { readonly kind: 'refused'; readonly reason: string }

/** `square`: exactly as large as the box, with nothing around the image. */
export type ThumbnailShape = 'as-it-is' | 'square'

const NOTHING = new Uint8Array(0)

export interface DecoderOptions {
  /** Descriptors of ours that a program would inherit, and must not; it gets /dev/null in their places. */
  readonly hidden?: () => readonly number[]
  /** For tests; otherwise the strictest that works here. */
  readonly confinement?: Confinement
  readonly longestJob?: number
}

type Child = ChildProcessByStdio<Writable, Readable, null>

interface Running {
  readonly child: Child
  /** Resolves once it is ready; rejects where it ends before. */
  readonly ready: Promise<void>
  jobs: number
  /** Of the job that it works on. */
  settle: ((decoded: Decoded) => void) | undefined
}

/**
 * Other organizations' images, decoded in another process. One at a time: what an image does to the process
 * costs that image.
 */
export class Decoder {
  readonly #options: DecoderOptions
  #confinement: Promise<Confinement> | undefined
  #running: Running | undefined
  #last: Promise<unknown> = Promise.resolve()
  #idleTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: DecoderOptions = {}) {
    this.#options = options
  }

  /** How far the process is shut in on this machine. */
  confinement(): Promise<Confinement> {
    this.#confinement ??=
      this.#options.confinement === undefined ? findConfinement() : Promise.resolve(this.#options.confinement)
    return this.#confinement
  }

  /**
   * @param boxes the PNGs to make, one for each, in their order
   * @throws {Fault} `cancelled` once closed; `local-io` where the program cannot be run at all
   */
  async decode(
    image: Uint8Array,
    boxes: readonly ThumbnailBox[],
    shape: ThumbnailShape = 'as-it-is',
  ): Promise<Decoded> {
    if (image.length > LARGEST_JOB - 1024) return { kind: 'refused', reason: 'too large' }
    const turn = this.#last.then(() => this.#decode(image, boxes, shape))
    this.#last = turn.catch(() => {})
    return turn
  }

  close(): void {
    this.#isClosed = true
    this.#end()
  }

  async #decode(image: Uint8Array, boxes: readonly ThumbnailBox[], shape: ThumbnailShape): Promise<Decoded> {
    const confinement = await this.confinement()
    if (this.#isClosed) throw new Fault('cancelled', 'The drive is closing')
    clearTimeout(this.#idleTimer)
    const running = (this.#running ??= this.#start(confinement))
    await running.ready
    const decoded = await new Promise<Decoded>(resolve => {
      const timer = setTimeout(() => {
        running.child.kill('SIGKILL')
        resolve({ kind: 'refused', reason: 'took too long' })
      }, this.#options.longestJob ?? LONGEST_JOB)
      running.settle = answer => {
        clearTimeout(timer)
        resolve(answer)
      }
      running.child.stdin.write(frame([boxBytes(boxes), image, ...(shape === 'square' ? [NOTHING] : [])]))
    })
    running.settle = undefined
    if (decoded.kind === 'refused' || ++running.jobs >= MOST_JOBS) this.#retire(running, decoded)
    this.#idleTimer = setTimeout(() => this.#end(), IDLE).unref()
    if (decoded.kind === 'thumbnails' && decoded.pngs.length !== boxes.length) {
      return { kind: 'refused', reason: 'an answer to something else' }
    }
    return decoded
  }

  #hidden(): readonly 'ignore'[] {
    const last = Math.max(2, ...(this.#options.hidden?.() ?? []))
    // Those between are closed by themselves.
    return Array.from({ length: last - 2 }, () => 'ignore')
  }

  #start(confinement: Confinement): Running {
    const { program, args } = confined(confinement)
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'pipe', 'ignore', ...this.#hidden()],
      // Its own group: Ctrl-C at a daemon in the foreground is for the daemon.
      detached: true,
    }) as Child
    yieldToOthers(child.pid)
    const { promise: ready, resolve: isReady, reject: isBroken } = readiness()
    const running: Running = { child, ready, jobs: 0, settle: undefined }
    const reader = new FrameReader(LARGEST_ANSWER)
    const startTimer = setTimeout(() => child.kill('SIGKILL'), LONGEST_START)
    const refuse = (reason: string) => {
      clearTimeout(startTimer)
      if (this.#running === running) this.#running = undefined
      isBroken(new Fault('local-io', `The program that decodes images ${reason}`))
      running.settle?.({ kind: 'refused', reason })
    }
    const onFrame = (answer: Buffer) => {
      clearTimeout(startTimer)
      isReady()
      if (answer.length > 0) running.settle?.(decodedFrom(answer))
    }
    child.stdout.on('data', (chunk: Buffer) => {
      try {
        for (const answer of reader.add(chunk)) onFrame(answer)
      } catch {
        // Whatever it has become, it does not speak our language any more.
        child.kill('SIGKILL')
        refuse('a garbled answer')
      }
    })
    child.stdin.on('error', () => {}) // it has gone: 'close' tells
    child.once('error', failure => refuse(`cannot be started: ${failure.message}`))
    child.once('close', (code, signal) => refuse(`ended with ${signal ?? code ?? 'nothing'}`))
    child.unref()
    return running
  }

  /** A process that has met a bad image may be in any state. */
  #retire(running: Running, { kind }: Decoded): void {
    if (this.#running === running) this.#running = undefined
    if (kind === 'refused') running.child.kill('SIGKILL')
    else running.child.stdin.end()
  }

  #end(): void {
    clearTimeout(this.#idleTimer)
    const running = this.#running
    this.#running = undefined
    running?.child.kill('SIGKILL')
    running?.settle?.({ kind: 'refused', reason: 'the drive is closing' })
  }
}

/** Decoding yields to who fetches images or uses the machine. Not wholly: an image has a deadline. */
function yieldToOthers(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
    // Where sessions share the processors among themselves, it is the session's that counts.
    writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_BELOW_NORMAL))
  } catch {
    // It has ended, or the machine has no such thing.
  }
}

function readiness() {
  let resolve = () => {}
  let reject: (fault: Fault) => void = () => {}
  const promise = new Promise<void>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  promise.catch(() => {}) // whoever has a job awaits it
  return { promise, resolve, reject }
}

function decodedFrom(answer: Buffer): Decoded {
  const pieces = piecesOf(answer)
  const [first, reason] = pieces
  if (first === undefined || first.length === 0) {
    return { kind: 'refused', reason: Buffer.from(reason ?? '').toString('utf8') }
  }
  return { kind: 'thumbnails', pngs: pieces }
}

function boxBytes(boxes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * boxes.length)
  boxes.forEach((box, i) => bytes.writeUInt16LE(box, 2 * i))
  return bytes
}
