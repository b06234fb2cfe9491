export interface NewMail {
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

export interface Mail extends NewMail {
  readonly id: string
  readonly sent: number
}

/** Mails that the service has sent: they go no further than here. */
export class Outbox {
  readonly #mails: Mail[] = []
  #count = 0

  send(mail: NewMail, now: number): Mail {
    const sent: Mail = { id: String(++this.#count), sent: now, ...mail }
    this.#mails.push(sent)
    return sent
  }

  /** The latest first. */
  list(to?: string): readonly Mail[] {
    const wanted = to?.toLowerCase()
    return this.#mails.filter(mail => wanted === undefined || mail.to.toLowerCase() === wanted).reverse()
  }

  find(id: string): Mail | undefined {
    return this.#mails.find(mail => mail.id === id)
  }

  clear(): void {
    this.#mails.length = 0
  }
}

/** As it would go over the wire (RFC 5322): text for old programs, HTML for the others. */
export function asMessage(mail: Mail): string {
  const boundary = `=_emulator_${mail.id}`
  const part = (type: string, text: string) => [
    `--${boundary}`,
    `Content-Type: ${type}; charset=utf-8`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(Buffer.from(text, 'utf8')
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
  ]
  return [
    `From: ${mail.from}`,
    `To: ${mail.to}`,
    `Subject: =?utf-8?B?${Buffer.from(mail.subject, 'utf8').toString('base64')}?=`,
    `Date: ${new Date(mail.sent).toUTCString()}`,
    `Message-ID: <${mail.id}@emulator.invalid>`,
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
    '',
    ...part('text/plain', mail.text),
    ...part('text/html', mail.html),
    `--${boundary}--`,
    '',
  ].join('\r\n')
}
