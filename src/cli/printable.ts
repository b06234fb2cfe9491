import { escaped, UNSAFE_CHARACTERS } from '../model/unsafe-characters.js'

/** One line of text that is safe to show in a terminal. */
export function printable(text: string): string {
  return text.replace(UNSAFE_CHARACTERS, '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd')
}

/** JSON that is safe to show in a terminal and means the same. */
export function printableJson(value: unknown): string {
  // JSON.stringify escapes U+0000 to U+001F itself; the newlines that are left are its own.
  return JSON.stringify(value, null, 2).replace(UNSAFE_CHARACTERS, character =>
    character === '\n' ? character : escaped(character),
  )
}
