import type { Cloud } from '../model/cloud.js'
import { Fault } from '../model/fault.js'

/**
 * Where every address must be: on a SharePoint host of the user's cloud. Returns it in lower case.
 *
 * @throws {Fault} `address-malformed`; `blocked-by-policy`: in another Microsoft cloud
 */
export function checkedHost(url: URL, { sharePointSuffix }: Pick<Cloud, 'sharePointSuffix'>): string {
  const host = url.hostname.toLowerCase()
  const label = host.endsWith(sharePointSuffix) ? host.slice(0, -sharePointSuffix.length) : ''
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) {
    if (url.port === '' && url.username === '' && url.password === '') return host
    throw malformed('SharePoint has no addresses with a port or user name')
  }
  const other = OTHER_CLOUDS.find(([suffix]) => suffix !== sharePointSuffix && host.endsWith(suffix))
  if (other !== undefined) throw acrossClouds(host, other[1])
  throw malformed(`${host || 'This'} is not a SharePoint address (it should end with ${sharePointSuffix})`)
}

const OTHER_CLOUDS = [
  ['.sharepoint.com', 'the worldwide cloud'],
  ['.sharepoint.us', "the US government's cloud"],
  ['.sharepoint-mil.us', "the US government's cloud"],
  ['.sharepoint.cn', "China's cloud"],
] as const

function acrossClouds(host: string, cloud: string): Fault {
  return new Fault('blocked-by-policy', `${host} is in another Microsoft cloud than you: in ${cloud}`, {
    nextStep:
      'Guests cannot cross clouds. Ask the other organization for an account of theirs, and use it with --cloud.',
  })
}

export function malformed(message: string): Fault {
  return new Fault('address-malformed', message, {
    nextStep:
      'Copy the link from the invitation mail, or the address of the site, library or folder from your browser.',
  })
}
