import { constants } from 'node:fs'
import type { RoomNeed } from '../hydration/cache-limits.js'
import type { HydrationLog } from '../hydration/hydration-log.js'
import type { HydrationPolicy, Program, Verdict } from '../hydration/hydration-policy.js'
import type { ContentReader, Hydrator } from '../hydration/hydrator.js'
import { SNIFFED, type Appetite } from '../hydration/read-ahead.js'
import type { ByteRange } from '../model/byte-ranges.js'
import { Fault, isFault } from '../model/fault.js'
import type { Ino } from '../model/ids.js'
import type { ItemRecord } from '../store/item-record.js'
import type { AuditTrail, FilePolicy } from './file-policy.js'
import type { Caller } from './file-system.js'

/** Tells which program a request comes from. Implemented by `proc-programs.ts`. */
export interface Programs {
  /** The program, then who started it, and so on; empty when it cannot be told. Never rejects. */
  lineageOf(pid: number): Promise<readonly Program[]>
}

export interface HydrationGateDeps {
  readonly programs: Programs
  readonly policy: Pick<HydrationPolicy, 'permissionOf'>
  readonly hydrator: Hydrator
  readonly log: HydrationLog
  readonly room: Room
  /** Returns at once and never throws. */
  readonly onRefused?: (ino: Ino) => void
  /** Absent: nobody has decided anything. */
  readonly filePolicy?: FilePolicy
  readonly audit?: AuditTrail
}

/** Who can make room on a full disk. Implemented by `hydration/cache-limits.ts`. */
export interface Room {
  /** Frees nothing where that would not help. @returns whether what is needed may fit now */
  makeRoom(need: RoomNeed): Promise<boolean>
}

/** To begin a change takes a few blocks: a file, its log, a row. */
export const NEW_CHANGE: RoomNeed = { bytes: 64 * 1024, of: 'changes' }

/** What a program may do with the file that it opens; decided once, because a READ does not tell who wants it. */
export interface Admission {
  readonly program: string
  /** Absolute path of what runs, where it can be told. */
  readonly executable: string | undefined
  /** Of its process where that can be told, else of the thread that asks; 0: of another namespace. */
  readonly pid: number
  readonly uid: number
  readonly verdict: Verdict
  readonly appetite: Appetite
}

/** Of who asks us to without being seen: processes of other namespaces, or that have ended. */
const UNKNOWN = 'unknown'

/** Between programs and the network: lets each cause the downloads that the policy allows it. */
export class HydrationGate {
  readonly #deps: HydrationGateDeps

  constructor(deps: HydrationGateDeps) {
    this.#deps = deps
  }

  /** @param flags open(2) flags */
  async admit(caller: Caller, flags: number): Promise<Admission> {
    const { programs, policy } = this.#deps
    const lineage = await programs.lineageOf(caller.pid)
    const { verdict, sniffs } = policy.permissionOf(lineage)
    // GLib opens so what it only wants to know the type of.
    const isSniffer = sniffs || (flags & constants.O_NOATIME) !== 0
    const appetite = verdict === 'full' ? (isSniffer ? 'sniffing' : 'ordinary') : 'exact'
    const [program] = lineage
    return {
      program: program?.name ?? UNKNOWN,
      executable: program?.path,
      pid: program?.pid ?? caller.pid,
      uid: caller.uid,
      verdict,
      appetite,
    }
  }

  /**
   * Before {@link open}: what an administrator says.
   * @param isLocal whether every byte of the file is
   * @throws {Fault} `blocked-by-policy`, `offline-not-allowed`
   */
  async permit(item: ItemRecord, isLocal: boolean, admission: Admission, signal: AbortSignal): Promise<void> {
    const { filePolicy, audit } = this.#deps
    const refusal = await filePolicy?.refusalToOpen(item, isLocal, signal)
    if (refusal === undefined) return
    audit?.opened(item, admission, refusal)
    throw refusal
  }

  /**
   * @param isLocal tells whether every byte of the file is; asked only where that decides
   * @throws {Fault} `hydration-refused`; as {@link Hydrator.open}
   */
  async open(item: ItemRecord, isLocal: () => boolean, admission: Admission): Promise<ContentReader> {
    const { audit } = this.#deps
    try {
      const reader = await this.#open(item, isLocal, admission)
      audit?.opened(item, admission)
      return reader
    } catch (failure) {
      audit?.opened(item, admission, failure)
      throw failure
    }
  }

  /** The same for one that needs nothing of the service. @throws {Fault} `hydration-refused` */
  openLocal(item: ItemRecord, admission: Admission): void {
    const refusal = admission.verdict === 'deny' ? this.#refusal(item.ino, admission) : undefined
    this.#deps.audit?.opened(item, admission, refusal)
    if (refusal !== undefined) throw refusal
  }

  async #open(
    { ino, generation, size }: ItemRecord,
    isLocal: () => boolean,
    admission: Admission,
  ): Promise<ContentReader> {
    const { verdict } = admission
    // Not at the first read that fails: GNU `tar --sparse` says nothing of that, and ends with 0.
    if (verdict === 'deny' || (verdict === 'local-only' && !isLocal())) throw this.#refusal(ino, admission)
    return this.withRoom({ bytes: 0, of: 'contents' }, () =>
      this.#deps.hydrator.open(ino, generation, size, admission.appetite),
    )
  }

  /** @throws {Fault} `hydration-refused`; as {@link Hydrator.ensure} */
  async ensure(
    reader: ContentReader,
    admission: Admission,
    range: ByteRange,
    signal: AbortSignal,
  ): Promise<void> {
    const { hydrator, log } = this.#deps
    const { file } = reader
    const clamped = { start: range.start, end: Math.min(file.size, range.end) }
    if (file.unwritten(clamped).length > 0) {
      if (admission.verdict !== 'local-only') log.asks(file, admission)
      if (admission.verdict !== 'full') await this.#ensureHead(reader, admission, clamped, signal)
    }
    const bytes = file.unwritten(clamped).reduce((sum, { start, end }) => sum + end - start, 0)
    await this.withRoom({ bytes, of: 'contents' }, () => hydrator.ensure(reader, range, signal))
  }

  /**
   * The kernel may ask for more at once than the program has: what it may have is fetched before the rest is refused, and
   * will be there when the kernel asks again, page by page.
   */
  async #ensureHead(
    reader: ContentReader,
    admission: Admission,
    { start, end }: ByteRange,
    signal: AbortSignal,
  ): Promise<void> {
    const { file } = reader
    const allowed = admission.verdict === 'head-only' ? SNIFFED : 0
    if (start < allowed) {
      await this.#deps.hydrator.ensure(reader, { start, end: Math.min(end, allowed) }, signal)
    }
    if (file.unwritten({ start, end }).length > 0) throw this.#refusal(file.ino, admission)
  }

  /** What was not used for long goes before a read or a write fails. */
  async withRoom<Value>(need: RoomNeed, work: () => Value | Promise<Value>): Promise<Value> {
    try {
      return await work()
    } catch (failure) {
      if (!isFault(failure, 'disk-full') || !(await this.#deps.room.makeRoom(need))) throw failure
      return work()
    }
  }

  #refusal(ino: Ino, admission: Admission): Fault {
    this.#deps.log.refused(ino, admission)
    this.#deps.onRefused?.(ino)
    return new Fault('hydration-refused', `${admission.program} may not download files`, {
      nextStep:
        'Open the file with another program, or allow this one in config.json: see "hydration" in docs/CLI.md',
    })
  }
}
