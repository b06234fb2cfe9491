/**
 * Control characters (escape sequences begin with one), line and paragraph separators, and what changes the direction
 * of text: names come from other organizations, and must not move the cursor or pose as something else.
 */
export const UNSAFE_CHARACTERS =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** For JSON: means the same, and is safe to show in a terminal. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
