import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { Ask, Told } from './reader-child.js'

const CHILD = fileURLToPath(new URL('reader-child.js', import.meta.url))

export interface ShownFile {
  readonly ino: number
  readonly size: number
  readonly blocks: number
  readonly modified: number
}

/**
 * Another process, which asks one thing after the other. Rejects with an error whose `code` is the errno's name.
 *
 * To be made before the test's own process mounts: what is made later inherits the package's descriptor of /dev/fuse, and
 * would keep the mount alive, and itself waiting for it, if the test were killed.
 */
export class ReaderProcess {
  readonly child: ChildProcess
  #last: Promise<unknown> = Promise.resolve()

  constructor(t: Test) {
    // Not tap's loaders: they would take longer than all the rest.
    this.child = fork(CHILD, { serialization: 'advanced', execArgv: [], env: { PATH: process.env['PATH'] } })
    t.teardown(() => this.child.kill('SIGKILL'))
  }

  open(path: string): Promise<number> {
    return this.#ask<number>({ op: 'open', path })
  }

  read(file: number, start: number, length: number): Promise<Buffer> {
    return this.#ask<Uint8Array>({ op: 'read', file, start, length }).then(bytes => Buffer.from(bytes))
  }

  readWhole(path: string): Promise<Buffer> {
    return this.#ask<Uint8Array>({ op: 'readWhole', path }).then(bytes => Buffer.from(bytes))
  }

  stat(path: string): Promise<ShownFile> {
    return this.#ask<ShownFile>({ op: 'stat', path })
  }

  fstat(file: number): Promise<ShownFile> {
    return this.#ask<ShownFile>({ op: 'fstat', file })
  }

  list(path: string): Promise<string[]> {
    return this.#ask<string[]>({ op: 'list', path })
  }

  space(path: string): Promise<{ bsize: number; blocks: number }> {
    return this.#ask({ op: 'space', path })
  }

  /** @returns what the program prints */
  run(program: string, ...args: readonly string[]): Promise<string> {
    return this.#ask<string>({ op: 'run', program, args })
  }

  close(file: number): Promise<void> {
    return this.#ask<undefined>({ op: 'close', file })
  }

  async #ask<Value>(ask: Ask): Promise<Value> {
    const before = this.#last
    const answer = before.then(() => this.#askNow<Value>(ask))
    this.#last = answer.catch(() => {})
    return answer
  }

  #askNow<Value>(ask: Ask): Promise<Value> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('the reader has ended'))
      this.child.once('exit', onExit)
      this.child.once('message', (told: Told) => {
        this.child.off('exit', onExit)
        if ('code' in told) reject(Object.assign(new Error(`${ask.op}: ${told.code}`), { code: told.code }))
        else resolve(told.value as Value)
      })
      this.child.send(ask)
    })
  }
}
