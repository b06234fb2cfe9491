/**
 * What a person wants of an item and, if it is a folder, of everything in it that says nothing else.
 * OneDrive calls these Pinned, Unpinned and Clearpin.
 */
export type Pin = 'always-local' | 'online-only' | 'unspecified'

const PINS: readonly Pin[] = ['always-local', 'online-only', 'unspecified']

/** openVFS's names for the same. */
const SYNONYMS: Readonly<Record<string, Pin>> = { alwayslocal: 'always-local', onlineonly: 'online-only' }

/** @returns `undefined` for a text that is none */
export function pinFromText(text: string): Pin | undefined {
  return PINS.find(pin => pin === text) ?? (Object.hasOwn(SYNONYMS, text) ? SYNONYMS[text] : undefined)
}
