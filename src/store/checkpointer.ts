import { Worker } from 'node:worker_threads'
import type { Milliseconds } from '../model/ids.js'

export const RUNNING = 0
const CLOSING = 1
export const CLOSED = 2

/** A checkpoint may be under way: the log is a few megabytes, after a burst some hundred. */
const CLOSE_DEADLINE: Milliseconds = 5_000

export interface CheckpointTask {
  readonly path: string
  /** One word, shared: RUNNING, CLOSING, CLOSED. */
  readonly state: Int32Array
}

/**
 * Moves the write-ahead log into the database, on a thread of its own: that waits for the disk, and the thread that
 * writes also answers the kernel.
 */
export class Checkpointer {
  readonly #state = new Int32Array(new SharedArrayBuffer(4))
  readonly #worker: Worker

  /** @param onDeath the thread has ended by itself; nobody checkpoints any more */
  constructor(path: string, onDeath: (failure: unknown) => void) {
    const task: CheckpointTask = { path, state: this.#state }
    this.#worker = new Worker(new URL('./checkpoint-worker.js', import.meta.url), { workerData: task })
    this.#worker.once('error', failure => {
      Atomics.store(this.#state, 0, CLOSED)
      onDeath(failure)
    })
    this.#worker.unref()
  }

  /** Returns when its connection is closed, so that the next to be closed is the last one and removes the log. */
  close(): void {
    if (Atomics.compareExchange(this.#state, 0, RUNNING, CLOSING) !== RUNNING) return
    Atomics.notify(this.#state, 0)
    Atomics.wait(this.#state, 0, CLOSING, CLOSE_DEADLINE)
  }
}
