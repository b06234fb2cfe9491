import { rm } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { checkShape, readJsonFile, type Rule } from '../control/json-file.js'
import { writeUserFile } from './user-file.js'

/** What `install` has put where, so that `uninstall` takes away exactly that. */
export interface InstallRecord {
  readonly version: number
  /** SHA-256 of what was written to each path; two while one is being replaced by the other. */
  readonly files: Readonly<Record<string, readonly string[]>>
  readonly insertions: readonly RecordedInsertion[]
  /** Directories that were not there before; a parent before its children. */
  readonly directories: readonly string[]
}

/** Blocks of text within a file that belongs to the user. */
export interface RecordedInsertion {
  readonly path: string
  /** Names the rules by which blocks are put in and found again. */
  readonly kind: string
  readonly blocks: readonly string[]
  /** What the file began with when it was made for the blocks; absent: it was there. */
  readonly template?: string
}

export const EMPTY_RECORD: InstallRecord = { version: 1, files: {}, insertions: [], directories: [] }

/** @throws {Fault} `configuration-invalid`: it is not as we wrote it */
export async function readRecord(file: string): Promise<InstallRecord> {
  const content = await readJsonFile(file)
  if (content === undefined) return EMPTY_RECORD
  return checkShape<InstallRecord>(
    content,
    file,
    { version: only(1), files: hashesByPath, insertions, directories: paths },
    ['version', 'files', 'insertions', 'directories'],
  )
}

export async function writeRecord(file: string, record: InstallRecord): Promise<void> {
  await writeUserFile(file, `${JSON.stringify(record, null, 2)}\n`, 0o600)
}

export async function removeRecord(file: string): Promise<void> {
  await rm(file, { force: true })
}

function only(version: number): Rule<number> {
  return { expected: String(version), holds: (value): value is number => value === version }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(text => typeof text === 'string')
}

const paths: Rule<readonly string[]> = {
  expected: 'a list of absolute paths',
  holds: (value): value is readonly string[] => isTexts(value) && value.every(path => isAbsolute(path)),
}

const hashesByPath: Rule<InstallRecord['files']> = {
  expected: 'lists of checksums by absolute path',
  holds: (value): value is InstallRecord['files'] =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([path, hashes]) => isAbsolute(path) && isTexts(hashes)),
}

const insertions: Rule<readonly RecordedInsertion[]> = {
  expected: 'a list of insertions',
  holds: (value): value is readonly RecordedInsertion[] =>
    Array.isArray(value) &&
    value.every((entry: unknown) => {
      if (typeof entry !== 'object' || entry === null) return false
      const { path, kind, blocks, template } = entry as Record<string, unknown>
      return (
        typeof path === 'string' &&
        isAbsolute(path) &&
        typeof kind === 'string' &&
        isTexts(blocks) &&
        (template === undefined || typeof template === 'string')
      )
    }),
}
