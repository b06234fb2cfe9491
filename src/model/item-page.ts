// Longer than any address of SharePoint: its paths are at most 400 characters, nine times that when encoded.
const LONGEST_ADDRESS = 8_192

/**
 * The address of an item's page, if it may be opened or written down as where a file is from: with https, at the host
 * of the library that the item is in, without a user name, in ASCII. The other organization says what it is, and could
 * name a program of this machine or a page that looks like ours.
 *
 * @param host SharePoint's, of the library
 */
export function trustedPage(webUrl: string, host: string): string | undefined {
  if (webUrl.length > LONGEST_ADDRESS || !URL.canParse(webUrl)) return undefined
  const { protocol, host: found, username, password, href } = new URL(webUrl)
  const isOurs = protocol === 'https:' && found === host.toLowerCase() && username === '' && password === ''
  return isOurs ? href : undefined
}
