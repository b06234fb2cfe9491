import type { Milliseconds } from './ids.js'

/** A file that programs have open for writing, as far as that can be told from here. */
export interface OpenForWriting {
  /** Of those who have it open, the one who opened it first. */
  readonly program: string
  /** Its process; 0: of another namespace. */
  readonly pid: number
  readonly since: Milliseconds
  /** When a byte was changed last. */
  readonly writtenAt: Milliseconds
  /** Nothing was changed since a program has said that the file is whole: by fsync(2), or by giving it its name. */
  readonly isSaved: boolean
}
