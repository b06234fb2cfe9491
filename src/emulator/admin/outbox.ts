import { type Answer, empty, html, json } from '../http/answer.js'
import type { Exchange } from '../http/exchange.js'
import { asMessage, type Mail } from '../sharing/outbox.js'
import type { World } from '../world/world.js'

/** `/outbox`: the mails; `/outbox/ID`, `.html`, `.eml`: one of them. */
export function outboxAnswer({ outbox }: World, exchange: Exchange, path: string): Answer | undefined {
  const { method } = exchange
  if (path === '/outbox' && method === 'GET') {
    return json(200, { mails: outbox.list(exchange.query.get('to') ?? undefined).map(withoutHtml) })
  }
  if (path === '/outbox' && method === 'DELETE') {
    outbox.clear()
    return empty(204)
  }
  const [, id = '', form] = /^\/outbox\/(\d+)(?:\.(html|eml))?$/.exec(path) ?? []
  const mail = outbox.find(id)
  if (!mail || method !== 'GET') return undefined
  if (form === 'html') return html(200, mail.html)
  if (form === undefined) return json(200, { ...withoutHtml(mail), html: mail.html })
  return { status: 200, headers: {}, body: { kind: 'text', type: 'message/rfc822', text: asMessage(mail) } }
}

function withoutHtml({ html: _, sent, ...mail }: Mail) {
  return { ...mail, sent: new Date(sent).toISOString() }
}
