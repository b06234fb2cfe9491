/** Server-relative paths of SharePoint: `/sites/Team/Shared Documents/Folder`, decoded, without a trailing slash. */

/** The path of a URL, decoded. `undefined` where it is no valid UTF-8, climbs, or has control characters. */
export function readablePath(pathname: string): string | undefined {
  try {
    const segments = pathname
      .split('/')
      .filter(segment => segment !== '')
      .map(decodeURIComponent)
    if (segments.some(segment => /^\.\.?$|[/\p{Cc}]/u.test(segment))) return undefined
    return segments.length === 0 ? '' : `/${segments.join('/')}`
  } catch {
    return undefined
  }
}

/**
 * The site collection's part of a path: two segments below a managed path, none for the root site.
 * Subsites are not told apart from libraries here; asking for the whole path finds them.
 */
export function sitePathOf(path: string): string {
  return /^\/(?:sites|teams|personal)\/[^/]+/i.exec(path)?.[0] ?? ''
}

/** Whether `path` is `folder` or below it. SharePoint does not mind case. */
export function isWithin(path: string, folder: string): boolean {
  const [one, other] = [path.toLowerCase(), folder.toLowerCase()]
  return one === other || one.startsWith(`${other}/`)
}
