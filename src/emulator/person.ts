#!/usr/bin/env node
import { readFileSync, realpathSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'

/**
 * A person at a browser, without a browser: opens an address, picks an account, agrees to what the
 * pages ask, enters a device code, and delivers the answer to the application's loopback address.
 * Usable as `$BROWSER`.
 */
export interface PersonOptions {
  readonly cloudFile: string
  /** Address to sign in with. */
  readonly account: string
  /** For the page that asks for a device's code. */
  readonly userCode?: string
  /** Presses Cancel where the page has it. */
  readonly declines?: boolean
  readonly signal?: AbortSignal
}

interface Cloud {
  readonly connectTo: { readonly address: string; readonly port: number }
  readonly caFile: string
}

interface Page {
  readonly url: URL
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

interface Form {
  readonly action: string
  readonly fields: URLSearchParams
  readonly buttons: readonly { name: string; value: string }[]
  readonly asksForCode: boolean
}

const MOST_STEPS = 15

/** Returns the title of the last page; throws if the sign-in page refuses. */
export async function signInAsPerson(url: string, options: PersonOptions): Promise<string> {
  return titleOf((await visitAsPerson(url, options)).body)
}

/** The last page, as HTML; throws if a page refuses. */
export async function visitAsPerson(url: string, options: PersonOptions): Promise<{ body: string }> {
  const cloud = JSON.parse(readFileSync(options.cloudFile, 'utf8')) as Cloud
  const browser = new Browser(cloud, options.signal)
  let page = await browser.open(new URL(url))
  for (let step = 0; step < MOST_STEPS; step++) {
    if (page.location !== undefined) {
      page = await browser.open(new URL(page.location, page.url))
      continue
    }
    if (page.status >= 400) throw new Error(textOf(page.body))
    const form = parseForm(page.body)
    if (!form || isLoopback(page.url)) return page
    page = await browser.submit(new URL(form.action, page.url), fill(form, options))
  }
  throw new Error('the sign-in page asks without end')
}

function fill(form: Form, options: PersonOptions): URLSearchParams {
  const fields = new URLSearchParams(form.fields)
  if (form.asksForCode) fields.set('otc', options.userCode ?? '')
  const account = form.buttons.filter(button => button.name === 'account')
  const wanted =
    account.length > 0
      ? account.find(button => button.value.toLowerCase() === options.account.toLowerCase())
      : (form.buttons.find(button => (button.name === 'decline') === (options.declines ?? false)) ??
        form.buttons[0])
  if (account.length > 0 && !wanted) throw new Error(`the page does not offer ${options.account}`)
  if (wanted?.name) fields.set(wanted.name, wanted.value)
  return fields
}

class Browser {
  readonly #cloud: Cloud
  readonly #ca: string
  readonly #signal: AbortSignal | undefined
  readonly #cookies = new Map<string, Map<string, string>>()

  constructor(cloud: Cloud, signal: AbortSignal | undefined) {
    this.#cloud = cloud
    this.#ca = readFileSync(cloud.caFile, 'utf8')
    this.#signal = signal
  }

  open(url: URL): Promise<Page> {
    return this.#send('GET', url, undefined)
  }

  submit(url: URL, fields: URLSearchParams): Promise<Page> {
    return this.#send('POST', url, fields.toString())
  }

  #send(method: string, url: URL, form: string | undefined): Promise<Page> {
    const local = url.protocol === 'http:'
    if (local && !isLoopback(url)) throw new Error('only loopback addresses may be http')
    const headers = {
      Host: url.host,
      ...this.#cookieHeader(url),
      ...(form !== undefined && {
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': Buffer.byteLength(form),
      }),
    }
    const signal = AbortSignal.any([AbortSignal.timeout(30_000), ...(this.#signal ? [this.#signal] : [])])
    const path = url.pathname + url.search
    return new Promise((resolve, reject) => {
      const request = local
        ? httpRequest({
            method,
            host: url.hostname,
            port: url.port || 80,
            path,
            headers,
            signal,
            agent: false,
          })
        : httpsRequest({
            method,
            host: this.#cloud.connectTo.address,
            port: this.#cloud.connectTo.port,
            servername: url.hostname,
            path,
            headers,
            ca: this.#ca,
            signal,
            agent: false,
          })
      request.on('error', (failure: NodeJS.ErrnoException) => {
        // An application may close its listener as soon as it has its answer.
        const delivered = local && failure.code === 'ECONNRESET'
        if (delivered) resolve({ url, status: 200, location: undefined, body: '<title>delivered</title>' })
        else reject(failure)
      })
      request.once('response', response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => (body += text))
        response.on('error', reject)
        this.#keep(url, response.headers['set-cookie'] ?? [])
        response.once('end', () =>
          resolve({ url, status: response.statusCode ?? 0, location: response.headers.location, body }),
        )
      })
      request.end(form)
    })
  }

  #cookieHeader({ host }: URL): { Cookie?: string } {
    const kept = [...(this.#cookies.get(host) ?? [])].map(([name, value]) => `${name}=${value}`)
    return kept.length === 0 ? {} : { Cookie: kept.join('; ') }
  }

  #keep({ host }: URL, cookies: readonly string[]): void {
    const jar = this.#cookies.get(host) ?? new Map<string, string>()
    this.#cookies.set(host, jar)
    for (const cookie of cookies) {
      const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? []
      if (/;\s*Max-Age=0/i.test(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
  }
}

/** The first form of a page. Our own pages only: this is no HTML parser. */
function parseForm(html: string): Form | undefined {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html)
  const action = attribute(form?.[1] ?? '', 'action')
  if (!form || action === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [, input = ''] of (form[2] ?? '').matchAll(/<input\b([^>]*)>/gi)) {
    if (attribute(input, 'type') === 'hidden')
      fields.set(attribute(input, 'name') ?? '', attribute(input, 'value') ?? '')
  }
  const buttons = [...(form[2] ?? '').matchAll(/<button\b([^>]*)>/gi)].map(([, button = '']) => ({
    name: attribute(button, 'name') ?? '',
    value: attribute(button, 'value') ?? '',
  }))
  return { action, fields, buttons, asksForCode: (form[2] ?? '').includes('name="otc"') }
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(tag)?.[1]
  return value?.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
}

function titleOf(html: string): string {
  return (/<title>([^<]*)<\/title>/i.exec(html)?.[1] ?? '').trim()
}

function textOf(html: string): string {
  return html
    .replace(/<(style|script)[\s\S]*?<\/\1>|<footer[\s\S]*?<\/footer>/gi, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/\s+/g, ' ')
    .trim()
}

function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || url.hostname === '127.0.0.1' || url.hostname === '[::1]'
}

interface Flags {
  cloud: string
  as: string
  code?: string
  decline?: boolean
}

async function main(): Promise<void> {
  const program = new Command('person')
    .description('Signs in at the emulator as a person would in a browser.')
    .requiredOption('--cloud <file>', 'cloud.json of the emulator', process.env['EMULATOR_CLOUD'])
    .option('--as <account>', 'account to pick', 'ann@fabrikam.example')
    .option('--code <code>', 'code of a device to enter')
    .option('--decline', 'press Cancel')
    .argument('<url>', 'address to open')
    .parse()
  const flags = program.opts<Flags>()
  const title = await signInAsPerson(program.args[0] ?? '', {
    cloudFile: flags.cloud,
    account: flags.as,
    ...(flags.code !== undefined && { userCode: flags.code }),
    declines: flags.decline ?? false,
  })
  process.stdout.write(`${title}\n`)
}

const started = process.argv[1]
if (started !== undefined && realpathSync(started) === fileURLToPath(import.meta.url)) {
  main().catch((failure: unknown) => {
    process.stderr.write(`person: ${failure instanceof Error ? failure.message : String(failure)}\n`)
    process.exit(1)
  })
}
