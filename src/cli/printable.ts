/**
 * Control characters (escape sequences begin with one), line and paragraph separators, and what changes the direction
 * of text: names come from other organizations, and must not move the cursor or pose as something else.
 */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** One line of text that is safe to show in a terminal. */
export function printable(text: string): string {
  return text.replace(UNSAFE, '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd')
}

/** JSON that is safe to show in a terminal and means the same. */
export function printableJson(value: unknown): string {
  // JSON.stringify escapes U+0000 to U+001F itself; the newlines that are left are its own.
  return JSON.stringify(value, null, 2).replace(UNSAFE, character =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
