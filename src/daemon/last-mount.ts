import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a daemon of this state has mounted the drive the last time: what it may have left behind. */
export interface LastMount {
  /** `undefined`: nowhere, or it is not known. */
  read(): Promise<string | undefined>
  write(directory: string): Promise<void>
}

/** In a file of the state directory. */
export class LastMountFile implements LastMount {
  readonly #path: string

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'last-mount')
  }

  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8')
    } catch {
      return undefined
    }
  }

  /** Never rejects: a full disk keeps nobody from mounting. */
  async write(directory: string): Promise<void> {
    await writeFile(this.#path, directory, { mode: 0o600 }).catch(() => undefined)
  }
}
