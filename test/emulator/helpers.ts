import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { Test } from 'tap'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/emulator.js'
import { signInAsPerson } from '../../src/emulator/person.js'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export const CLIENT_ID = 'b2b30000-7e57-4000-8000-00000000a1d5'
export const ANN = 'ann@fabrikam.example'
export const FABRIKAM = '11111111-1111-4111-8111-111111111111'
export const CONTOSO = '22222222-2222-4222-8222-222222222222'
export const NORTHWIND = '33333333-3333-4333-8333-333333333333'
export const TAILSPIN = '44444444-4444-4444-8444-444444444444'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  readonly json: Wire
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** What tests look at in answers; the contract test compares whole shapes. */
export interface Wire {
  readonly [name: string]: unknown
  readonly id: string
  readonly name: string
  readonly size: number
  readonly eTag: string
  readonly webUrl: string
  readonly value: readonly Wire[]
  readonly error: Wire & { readonly code: string; readonly message: string; readonly innerError: Wire }
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token: string
  readonly device_code: string
  readonly user_code: string
  readonly error_codes: readonly number[]
  readonly parentReference: Wire
  readonly '@odata.nextLink': string | undefined
  readonly '@odata.deltaLink': string
  readonly '@microsoft.graph.downloadUrl': string
}

/** An emulator and a plain HTTPS client that reaches it under the real host names. */
export interface Lab {
  readonly emulator: Emulator
  ask(url: string, ask?: Ask): Promise<Reply>
  form(url: string, fields: Readonly<Record<string, string>>): Promise<Reply>
  admin(method: string, path: string, body?: unknown): Promise<Reply>
  /** An access token by the whole code flow; Ann's, unless said otherwise. */
  token(tenant: string, options?: TokenOptions): Promise<string>
  /** The answer of the token endpoint. */
  signIn(tenant: string, options?: TokenOptions): Promise<Reply>
  graph(token: string, path: string, ask?: Ask): Promise<Reply>
}

export interface TokenOptions {
  readonly account?: string
  readonly scope?: string
  readonly responseMode?: string
}

const SCOPE = 'Files.ReadWrite.All Sites.Read.All User.Read openid profile offline_access'

export async function openLab(t: Test, options: Partial<EmulatorOptions> = {}): Promise<Lab> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'emulator-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const emulator = await startEmulator({ ...options, directory })
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  t.teardown(async () => {
    agent.destroy()
    await emulator.close()
  })
  const ca = readFileSync(emulator.caFile)

  function ask(url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Reply> {
    const { hostname, pathname, search } = new URL(url)
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        agent,
        method,
        host: '127.0.0.1',
        port: emulator.port,
        servername: /^\d/.test(hostname) ? 'localhost' : hostname,
        path: pathname + search,
        ca,
        headers: {
          Host: hostname,
          ...headers,
          ...(body !== undefined && { 'Content-Length': Buffer.byteLength(body) }),
        },
        signal: AbortSignal.timeout(20_000),
      })
      request.once('error', reject)
      request.once('response', response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          const bytes = Buffer.concat(chunks)
          const isJson = response.headers['content-type']?.includes('json') ?? false
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            text: bytes.toString('utf8'),
            json: (isJson ? JSON.parse(bytes.toString('utf8')) : {}) as Wire,
          })
        })
      })
      request.end(body)
    })
  }

  const form = (url: string, fields: Readonly<Record<string, string>>) =>
    ask(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    })

  async function signIn(tenant: string, options: TokenOptions = {}): Promise<Reply> {
    const verifier = randomBytes(32).toString('base64url')
    const answer = await authorize(emulator, tenant, {
      scope: options.scope ?? SCOPE,
      responseMode: options.responseMode ?? 'query',
      account: options.account ?? ANN,
      challenge: createHash('sha256').update(verifier).digest('base64url'),
    })
    return form(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`, {
      grant_type: 'authorization_code',
      client_id: CLIENT_ID,
      code: answer.fields.get('code') ?? '',
      redirect_uri: answer.redirectUri,
      code_verifier: verifier,
      scope: options.scope ?? SCOPE,
      client_info: '1',
    })
  }

  return {
    emulator,
    ask,
    form,
    signIn,
    admin: (method, path, body) =>
      ask(`${emulator.adminUrl}${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    token: async (tenant, options) => {
      const reply = await signIn(tenant, options)
      if (reply.status !== 200) throw new Error(reply.text)
      return reply.json.access_token
    },
    graph: (token, path, options = {}) =>
      ask(path.startsWith('https://') ? path : `https://graph.microsoft.com/v1.0${path}`, {
        ...options,
        headers: { Authorization: `Bearer ${token}`, ...options.headers },
      }),
  }
}

export interface AuthorizeOptions {
  readonly scope: string
  readonly responseMode: string
  readonly account: string
  readonly challenge?: string
  readonly state?: string
  readonly prompt?: string
  readonly nonce?: string
  readonly declines?: boolean
}

/** Lets a person walk through the sign-in page; what arrives at the loopback address. */
export async function authorize(
  emulator: Emulator,
  tenant: string,
  options: AuthorizeOptions,
): Promise<{ method: string; fields: URLSearchParams; redirectUri: string }> {
  let arrived: { method: string; fields: URLSearchParams } | undefined
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.once('end', () => {
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams
      const method = request.method ?? ''
      arrived = { method, fields: method === 'POST' ? new URLSearchParams(body) : query }
      response.end('<title>done</title>')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const redirectUri = `http://localhost:${(server.address() as AddressInfo).port}`
  try {
    const query = new URLSearchParams({
      client_id: CLIENT_ID,
      response_type: 'code',
      redirect_uri: redirectUri,
      response_mode: options.responseMode,
      scope: options.scope,
      ...(options.state !== undefined && { state: options.state }),
      ...(options.prompt !== undefined && { prompt: options.prompt }),
      ...(options.nonce !== undefined && { nonce: options.nonce }),
      ...(options.challenge !== undefined && {
        code_challenge: options.challenge,
        code_challenge_method: 'S256',
      }),
    })
    await signInAsPerson(
      `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/authorize?${query.toString()}`,
      {
        cloudFile: emulator.cloudFile,
        account: options.account,
        declines: options.declines ?? false,
      },
    )
  } finally {
    server.close()
    server.closeAllConnections()
  }
  if (!arrived) throw new Error('nothing arrived at the loopback address')
  return { ...arrived, redirectUri }
}
