/**
 * How blocks of ours get into a kind of file that belongs to the user, and out again. Pure.
 *
 * A block that the user has changed is the user's: it is neither replaced nor removed.
 */
export interface InsertionKind {
  readonly name: string
  /** @returns the file with the block; unchanged where it, or the user's version of it, is; `undefined`: no such file */
  insert(content: string, block: string): string | undefined
  /** @returns the file without the block; unchanged where it is not, or not as it was inserted */
  remove(content: string, block: string): string
}
