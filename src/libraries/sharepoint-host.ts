import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'

/**
 * Where every address must be: on a SharePoint host of the user's cloud. Returns it in lower case.
 *
 * @throws {Fault} `address-malformed`
 */
export function checkedHost(url: URL, { sharePointSuffix }: Pick<Cloud, 'sharePointSuffix'>): string {
  const host = url.hostname.toLowerCase()
  const label = host.endsWith(sharePointSuffix) ? host.slice(0, -sharePointSuffix.length) : ''
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) {
    if (url.port === '' && url.username === '' && url.password === '') return host
    throw malformed('SharePoint has no addresses with a port or user name')
  }
  throw malformed(`${host || 'This'} is not a SharePoint address (it should end with ${sharePointSuffix})`)
}

export function malformed(message: string): Fault {
  return new Fault('address-malformed', message, {
    nextStep:
      'Copy the link from the invitation mail, or the address of the site, library or folder from your browser.',
  })
}
