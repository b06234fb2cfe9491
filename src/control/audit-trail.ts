import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import type { FaultCode } from '../model/fault.js'
import type { Bytes, DriveId, ItemId, Milliseconds, TenantId } from '../model/ids.js'
import { isPlainObject } from './json-file.js'

/** One open of a file of another organization: a line of `audit.jsonl`, and of `b2bmount audit --json`. */
export interface AuditEntry {
  readonly at: Milliseconds
  readonly event: 'open'
  /** `refused`: by a policy or a rule; `failed`: for another reason. Reading may fail after that. */
  readonly outcome: 'opened' | 'refused' | 'failed'
  readonly fault?: FaultCode | 'internal-error'
  readonly program: string
  readonly executable?: string
  /** 0: of another namespace. */
  readonly pid: number
  readonly uid: number
  readonly organization: string
  readonly library: string
  /** From the root of the drive on. */
  readonly path: string
  readonly tenant: TenantId
  readonly drive: DriveId
  readonly item: ItemId
}

export const LARGEST_AUDIT_FILE: Bytes = 10 * 1024 * 1024
/** `audit.jsonl.1` is the youngest of them. */
export const OLD_AUDIT_FILES = 9

export function auditFile(stateDirectory: string): string {
  return join(stateDirectory, 'audit.jsonl')
}

export interface AuditFilter {
  readonly since?: Milliseconds
  /** Absolute path, or one from the drive's root on, of a file or folder. */
  readonly path?: string
}

/** What was opened, the earliest first, over all files that are left. A line that was torn by a crash is left out. */
export async function* readAuditTrail(
  stateDirectory: string,
  { since = 0, path }: AuditFilter = {},
): AsyncGenerator<AuditEntry> {
  const isMeant = path === undefined ? () => true : isWithin(path)
  const file = auditFile(stateDirectory)
  for (let i = OLD_AUDIT_FILES; i >= 0; i--) {
    for await (const line of linesOf(i === 0 ? file : `${file}.${i}`)) {
      const entry = entryIn(line)
      if (entry !== undefined && entry.at >= since && isMeant(entry.path)) yield entry
    }
  }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, 'utf8')
  try {
    yield* createInterface({ input: stream, crlfDelay: Infinity })
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'ENOENT') throw failure
  } finally {
    stream.destroy()
  }
}

function entryIn(line: string): AuditEntry | undefined {
  try {
    const value: unknown = JSON.parse(line)
    if (!isPlainObject(value)) return undefined
    return typeof value['at'] === 'number' && typeof value['path'] === 'string'
      ? (value as unknown as AuditEntry)
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Where the drive is, or was, mounted is not known here: what `path` ends with must be what the recorded path begins with.
 */
function isWithin(path: string): (recorded: string) => boolean {
  const wanted = path.split('/').filter(Boolean)
  return recorded => {
    const names = recorded.split('/')
    for (let start = 0; start < wanted.length; start++) {
      const rest = wanted.slice(start)
      if (rest.length <= names.length && rest.every((name, i) => name === names[i])) return true
    }
    return false
  }
}
