import { type Answer, html } from '../http/answer.js'
import { escapeHtml, page } from '../http/html.js'
import { itemWebUrl, libraryViewUrl, syncUrl } from '../world/addresses.js'
import type { Principal } from '../world/directory.js'
import type { Drive, Item } from '../world/drive.js'
import type { Site } from '../world/site.js'

/** A page is for looking at; Graph is for listing a hundred thousand. */
const MOST_ROWS = 50

/** The modern view of a library, with the button that this is all about. */
export function libraryPage(site: Site, drive: Drive, folder: Item, visitor: Principal): Answer {
  const isRoot = folder.parent === undefined
  const title = isRoot ? drive.name : folder.name
  const sync = syncUrl(site, drive, visitor.user, isRoot ? undefined : folder)
  const children = drive.sortedChildren(folder)
  const rows = children.slice(0, MOST_ROWS).map(item => {
    const address = item.kind === 'file' ? itemWebUrl(drive, item) : libraryViewUrl(drive, item)
    return `<li><a href="${escapeHtml(address)}">${escapeHtml(item.name)}</a></li>`
  })
  const more = children.length - rows.length
  return html(
    200,
    page(
      `${site.title} - ${title}`,
      `<nav role="menubar"><a role="menuitem" class="button" title="Sync" data-automationid="syncCommand" ` +
        `href="${escapeHtml(sync)}">Sync</a></nav>` +
        `<h1>${escapeHtml(title)}</h1><ul>${rows.join('')}</ul>` +
        (more > 0 ? `<p>… and ${more} more</p>` : '') +
        signedInAs(visitor),
    ),
  )
}

export function sitePage(site: Site, visitor: Principal): Answer {
  const libraries = site.libraries.map(
    drive => `<li><a href="${escapeHtml(libraryViewUrl(drive))}">${escapeHtml(drive.name)}</a></li>`,
  )
  return html(
    200,
    page(
      site.title,
      `<h1>${escapeHtml(site.title)}</h1><ul>${libraries.join('')}</ul>${signedInAs(visitor)}`,
    ),
  )
}

export function filePage(name: string): Answer {
  return html(200, page(name, `<h1>${escapeHtml(name)}</h1><p>Shared; the emulator does not draw it.</p>`))
}

export function noAccessPage(visitor: Principal): Answer {
  return html(
    403,
    page('Access required', `<h1>You need permission to access this item.</h1>${signedInAs(visitor)}`),
  )
}

/** For recipients who are no guests. No code is ever sent: nothing could be mounted with one. */
export function passcodePage(name: string): Answer {
  return html(
    200,
    page(
      'Verify your identity',
      `<h1>Request verification code</h1><p>You have received a secure link to ${escapeHtml(name)}. ` +
        'To verify your identity, we will send a code to your email.</p>',
    ),
  )
}

function signedInAs({ user }: Principal): string {
  return `<p><small>Signed in as ${escapeHtml(user.upn)}</small></p>`
}
