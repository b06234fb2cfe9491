/** What GLib leaves as it is in a path: letters, digits and these. (`acceptable`, mask UNSAFE_PATH, of glib/gconvert.c) */
const ESCAPED = /[^A-Za-z0-9!$&'()*+,\-./:=@_~]/gu

/**
 * The address of a local file, letter by letter as `g_filename_to_uri` writes it: thumbnails are found by its MD5.
 * @param path absolute
 */
export function fileUri(path: string): string {
  return `file://${path.replace(ESCAPED, escaped)}`
}

function escaped(character: string): string {
  return [...Buffer.from(character, 'utf8')]
    .map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('')
}
