import { rm, rmdir } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { InsertionKind } from './insertion.js'
import { removeBytecode } from './python-bytecode.js'
import {
  readRecord,
  removeRecord,
  writeRecord,
  type InstallRecord,
  type RecordedInsertion,
} from './record.js'
import { hasMode, isForeign, readUserFile, sha256, writeUserFile } from './user-file.js'

export interface PlannedFile {
  /** Absolute. */
  readonly path: string
  readonly content: string
  readonly mode: number
}

export interface PlannedInsertion {
  /** Absolute; the file may be missing. */
  readonly path: string
  readonly kind: InsertionKind
  readonly blocks: readonly string[]
  /** What a missing file begins with. */
  readonly template: string
}

export interface Plan {
  readonly files: readonly PlannedFile[]
  readonly insertions: readonly PlannedInsertion[]
}

/** What became of one file. `kept`: it is the user's, `why` says for what reason. */
export interface Change {
  readonly path: string
  readonly outcome: 'written' | 'unchanged' | 'removed' | 'kept'
  readonly why?: string
}

/**
 * Puts files and parts of files into a user's directories, and takes them away again.
 *
 * INVARIANT: whatever is on the disk because of us is in the record: it is written before the first file and narrowed
 * down after the last, so a crash between two lines leaves nothing that `uninstall` would not find. What is not as we
 * wrote it is the user's: it is never overwritten and never removed.
 */
export class Installer {
  readonly #recordFile: string
  readonly #kinds: ReadonlyMap<string, InsertionKind>

  constructor({ recordFile, kinds }: { recordFile: string; kinds: readonly InsertionKind[] }) {
    this.#recordFile = recordFile
    this.#kinds = new Map(kinds.map(kind => [kind.name, kind]))
  }

  /** Brings everything to what `plan` says; what an earlier plan had and this one has not goes. */
  async install(plan: Plan): Promise<readonly Change[]> {
    const before = await readRecord(this.#recordFile)
    const insertions = await Promise.all(plan.insertions.map(planned => recorded(planned, before)))
    const after: InstallRecord = {
      version: 1,
      files: Object.fromEntries(plan.files.map(({ path, content }) => [path, [sha256(content)]])),
      insertions,
      directories: [...new Set([...before.directories, ...missingDirectories(plan, this.#recordFile)])],
    }
    await writeRecord(this.#recordFile, joined(before, after))

    const changes: Change[] = []
    const kept: Record<string, readonly string[]> = {}
    for (const [path, hashes] of Object.entries(before.files)) {
      if (path in after.files) continue
      changes.push(await removeFile(path, hashes))
    }
    for (const planned of plan.files) {
      const known = before.files[planned.path] ?? []
      const change = await placeFile(planned, known)
      if (change.outcome === 'kept') kept[planned.path] = known
      changes.push(change)
    }
    for (const earlier of before.insertions) {
      const replacement = insertions.find(({ path, kind }) => path === earlier.path && kind === earlier.kind)
      const gone = earlier.blocks.filter(block => replacement?.blocks.includes(block) !== true)
      const change = await this.#remove({ ...earlier, blocks: gone })
      if (replacement === undefined) changes.push(change)
    }
    for (const planned of plan.insertions) changes.push(await insert(planned))

    const files = Object.fromEntries(
      Object.entries({ ...after.files, ...kept }).filter(([, hashes]) => hashes.length > 0),
    )
    await writeRecord(this.#recordFile, { ...after, files })
    return changes
  }

  /** Takes away what `install` has put there. */
  async uninstall(): Promise<readonly Change[]> {
    const record = await readRecord(this.#recordFile)
    const changes: Change[] = []
    for (const [path, hashes] of Object.entries(record.files)) changes.push(await removeFile(path, hashes))
    for (const insertion of record.insertions) changes.push(await this.#remove(insertion))
    await removeRecord(this.#recordFile)
    for (const directory of record.directories.toReversed()) {
      // One with something of the user's in it stays.
      await rmdir(directory).catch(() => undefined)
    }
    return changes
  }

  async #remove({ path, kind: name, blocks, template }: RecordedInsertion): Promise<Change> {
    const kind = this.#kinds.get(name)
    const content = await readUserFile(path)
    if (content === undefined || kind === undefined) return { path, outcome: 'unchanged' }
    const without = blocks.reduce((text, block) => kind.remove(text, block), content)
    if (without === content) return { path, outcome: 'unchanged' }
    if (without === template) await rm(path)
    else await writeUserFile(path, without)
    return { path, outcome: 'removed' }
  }
}

async function recorded(planned: PlannedInsertion, before: InstallRecord): Promise<RecordedInsertion> {
  const { path, kind, blocks, template } = planned
  const earlier = before.insertions.find(known => known.path === path && known.kind === kind.name)
  const content = await readUserFile(path)
  const ours =
    content === undefined ? blocks : blocks.filter(block => isOurs(planned, content, block, earlier))
  const began = earlier === undefined ? (content === undefined ? template : undefined) : earlier.template
  return { path, kind: kind.name, blocks: ours, ...(began === undefined ? {} : { template: began }) }
}

/** Not one that the user had before us, or has made of ours. */
function isOurs(
  { kind }: PlannedInsertion,
  content: string,
  block: string,
  earlier: RecordedInsertion | undefined,
): boolean {
  if (earlier?.blocks.includes(block) === true) return true
  const cleared = (earlier?.blocks ?? []).reduce((text, known) => kind.remove(text, known), content)
  const inserted = kind.insert(cleared, block)
  return inserted !== undefined && inserted !== cleared
}

/** Until the work is done, both may be what is there. */
function joined(before: InstallRecord, after: InstallRecord): InstallRecord {
  const files: Record<string, readonly string[]> = { ...before.files }
  for (const [path, hashes] of Object.entries(after.files)) {
    files[path] = [...new Set([...(files[path] ?? []), ...hashes])]
  }
  return { ...after, files, insertions: [...before.insertions, ...after.insertions] }
}

function missingDirectories({ files, insertions }: Plan, recordFile: string): readonly string[] {
  const missing: string[] = []
  for (const { path } of [...files, ...insertions, { path: recordFile }]) {
    const chain: string[] = []
    for (let directory = dirname(path); !existsSync(directory); directory = dirname(directory)) {
      chain.unshift(directory)
    }
    missing.push(...chain)
  }
  return missing
}

/** @param known checksums of what we may have put there */
async function placeFile({ path, content, mode }: PlannedFile, known: readonly string[]): Promise<Change> {
  if (await isForeign(path)) return { path, outcome: 'kept', why: 'it is not a plain file' }
  const found = await readUserFile(path)
  if (found === content && (await hasMode(path, mode))) return { path, outcome: 'unchanged' }
  if (found !== undefined && found !== content && !known.includes(sha256(found))) {
    const why = known.length > 0 ? 'you have changed it' : 'it is not from b2bmount'
    return { path, outcome: 'kept', why }
  }
  await writeUserFile(path, content, mode)
  return { path, outcome: 'written' }
}

async function removeFile(path: string, known: readonly string[]): Promise<Change> {
  if (await isForeign(path)) return { path, outcome: 'kept', why: 'it is not a plain file' }
  const found = await readUserFile(path)
  if (found !== undefined && !known.includes(sha256(found)))
    return { path, outcome: 'kept', why: 'you have changed it' }
  await removeBytecode(path)
  if (found === undefined) return { path, outcome: 'unchanged' }
  await rm(path)
  return { path, outcome: 'removed' }
}

async function insert({ path, kind, blocks, template }: PlannedInsertion): Promise<Change> {
  const found = await readUserFile(path)
  let content = found ?? template
  for (const block of blocks) {
    const inserted = kind.insert(content, block)
    if (inserted === undefined) return { path, outcome: 'kept', why: 'it is not as its program writes it' }
    content = inserted
  }
  if (content === found) return { path, outcome: 'unchanged' }
  await writeUserFile(path, content)
  return { path, outcome: 'written' }
}
