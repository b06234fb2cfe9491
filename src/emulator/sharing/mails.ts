import { escapeHtml, page } from '../http/html.js'
import type { NewMail } from './outbox.js'

/** What a mail says; names are other people's and may be anything. */
interface Letter {
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly sentences: readonly string[]
  readonly message: string | undefined
  readonly button: string
  readonly link: string
}

export interface SharingLetter {
  readonly to: string
  readonly by: string
  readonly organization: string
  readonly what: 'site' | 'library' | 'folder' | 'file'
  readonly name: string
  readonly message: string | undefined
  readonly link: string
}

/** What SharePoint sends to whom something is shared with. */
export function sharingMail({ to, by, organization, what, name, message, link }: SharingLetter): NewMail {
  return compose({
    from: 'no-reply@sharepointonline.com',
    to,
    subject: `${by} shared the ${what} "${name}" with you.`,
    sentences: [
      `${by} (${organization}) shared the ${what} "${name}" with you.`,
      'This link only works for the direct recipients of this message.',
    ],
    message,
    button: 'Open',
    link,
  })
}

/** What Entra sends for `POST /invitations`. */
export function invitationMail(letter: {
  readonly to: string
  readonly by: string
  readonly organization: string
  readonly message: string | undefined
  readonly link: string
}): NewMail {
  const { to, by, organization, message, link } = letter
  return compose({
    from: 'invites@microsoft.com',
    to,
    subject: `${by} invited you to access applications within their organization`,
    sentences: [`${by} of ${organization} has invited you to their organization.`],
    message,
    button: 'Accept invitation',
    link,
  })
}

function compose({ from, to, subject, sentences, message, button, link }: Letter): NewMail {
  const paragraphs = [...sentences, ...(message === undefined ? [] : [message])]
  const html =
    paragraphs.map(text => `<p>${escapeHtml(text)}</p>`).join('') +
    `<p><a class="button" href="${escapeHtml(link)}">${escapeHtml(button)}</a></p>`
  const text = [...paragraphs, `${button}: ${link}`].join('\n\n') + '\n'
  return { from, to, subject: oneLine(subject), text, html: page(subject, html) }
}

/** A header has no line breaks, whatever somebody called their folder. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
