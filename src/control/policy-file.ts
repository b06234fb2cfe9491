import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../model/fault.js'
import type { Bytes } from '../model/ids.js'
import { NO_POLICY, parseAdminPolicy, type AdminPolicy } from './admin-policy.js'

/** Where an administrator's policy is, and who an administrator is. */
export interface PolicySource {
  readonly file: string
  /** User id. */
  readonly owner: number
}

/** Not to be moved by anything that a user can set: that would be a way around it. */
export const SYSTEM_POLICY: PolicySource = { file: '/etc/b2bmount/policy.json', owner: 0 }

export type PolicyReading =
  | { readonly kind: 'none'; readonly policy: AdminPolicy }
  | { readonly kind: 'in-force'; readonly policy: AdminPolicy }
  /** There is one, and nobody knows what it says. */
  | { readonly kind: 'unusable'; readonly fault: Fault }

const LARGEST: Bytes = 1024 * 1024
const WRITABLE_BY_OTHERS = 0o022

/** Never throws. A few kilobytes, read at once. */
export function readPolicy({ file, owner }: PolicySource): PolicyReading {
  try {
    const text = trustedText(file, owner)
    if (text === undefined) return { kind: 'none', policy: NO_POLICY }
    return { kind: 'in-force', policy: parseAdminPolicy(parsed(text, file), file) }
  } catch (failure) {
    return { kind: 'unusable', fault: unusable(failure, file) }
  }
}

function trustedText(file: string, owner: number): string | undefined {
  let fd: number
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw invalid(`${file} cannot be read (${code ?? 'unknown error'})`, failure)
  }
  try {
    const found = fstatSync(fd)
    if (!found.isFile()) throw invalid(`${file} is not a file`)
    if (found.size > LARGEST) throw invalid(`${file} is larger than a policy can be`)
    checkOwner(found, file, owner)
    // Who may write there could put another file in its place.
    const folder = dirname(realpathSync(file))
    checkOwner(statSync(folder), folder, owner)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function checkOwner({ uid, mode }: Stats, path: string, owner: number): void {
  if (uid !== owner) throw invalid(`${path} belongs to user ${uid}, not to ${owner === 0 ? 'root' : owner}`)
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw invalid(`${path} can be written by others than its owner`)
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (failure) {
    throw invalid(`${file} is not valid JSON`, failure)
  }
}

function invalid(message: string, cause?: unknown): Fault {
  return new Fault('configuration-invalid', message, { cause })
}

/** Closed, because nobody knows what it was to forbid. */
function unusable(failure: unknown, file: string): Fault {
  const why = failure instanceof Fault ? failure : undefined
  const hint = why?.nextStep === undefined ? '' : ` (${why.nextStep.replace(/\.$/, '')})`
  return new Fault(
    'blocked-by-policy',
    `Nothing of other organizations is fetched: ${why?.message ?? `${file} cannot be used`}${hint}`,
    { cause: failure, nextStep: ASK },
  )
}

export const ASK = 'Ask your administrator.'
