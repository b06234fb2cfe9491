import { randomUUID } from 'node:crypto'
import type { Conditions } from '../graph/writes/conditions.js'
import type { Where } from '../graph/writes/target.js'
import type { ConflictBehavior } from '../graph/writes/write-body.js'
import type { PlacedDrive } from '../graph/access.js'
import { BodyCut, type Receive } from '../http/receive.js'
import type { Content } from '../world/content.js'
import type { Author, FileTimes } from '../world/drive.js'
import type { Spool, SpoolFile } from '../world/spool.js'

/** What is to become of the bytes, as it was when somebody with the right to decide it did. */
export interface UploadPlan {
  readonly at: PlacedDrive
  /** Looked up again at the end. */
  readonly where: Where
  /** The id of the folder, and the name there. */
  readonly parent: string
  readonly name: string
  readonly behavior: ConflictBehavior
  readonly conditions: Conditions
  readonly times: FileTimes | undefined
  readonly author: Author
  readonly deferCommit: boolean
}

/** A file that comes in fragments, one after the other. */
export class UploadSession {
  readonly guid = randomUUID()
  readonly plan: UploadPlan
  expires: number
  /** Of the whole file; known with the first fragment. */
  total: number | undefined
  readonly #spool: Spool
  #file: SpoolFile | undefined
  #content: Content | undefined
  #receiving: { readonly cut: () => void; readonly ended: Promise<void> } | undefined

  constructor(spool: Spool, plan: UploadPlan, expires: number) {
    this.#spool = spool
    this.plan = plan
    this.expires = expires
  }

  get received(): number {
    return this.#content?.size ?? this.#file?.size ?? 0
  }

  get isWhole(): boolean {
    return this.total !== undefined && this.received === this.total
  }

  /** Ends a fragment that is still being received: its sender has gone away and come back. */
  async interrupt(): Promise<void> {
    const receiving = this.#receiving
    receiving?.cut()
    await receiving?.ended
  }

  /** All of a fragment, or nothing of it. */
  async append(receive: Receive): Promise<void> {
    const file = (this.#file ??= this.#spool.create())
    let cut = () => {}
    let isCut = false
    const interrupted = new Promise<never>((_, reject) => {
      cut = () => {
        isCut = true
        reject(new BodyCut())
      }
    })
    interrupted.catch(() => undefined)
    const appended = file.append(take =>
      Promise.race([receive(chunk => (isCut ? Promise.reject(new BodyCut()) : take(chunk))), interrupted]),
    )
    const receiving = { cut, ended: appended.catch(() => undefined) }
    this.#receiving = receiving
    try {
      await appended
    } finally {
      if (this.#receiving === receiving) this.#receiving = undefined
    }
  }

  /** The bytes of the whole file; they stay ours until {@link release}. */
  content(): Content {
    this.#content ??= (this.#file ??= this.#spool.create()).finish()
    return this.#content
  }

  /** The bytes belong to the library now. */
  release(): void {
    this.#file = undefined
    this.#content = undefined
  }

  async discard(): Promise<void> {
    await this.interrupt()
    if (this.#content) this.#content.dispose?.()
    else this.#file?.discard()
    this.release()
  }
}
