import type { Clock } from '../../../src/concurrency/clock.js'
import { GraphClient, type AccessTokens, type GraphClientDeps } from '../../../src/graph/graph-client.js'
import { Throttle } from '../../../src/graph/throttle.js'
import type { HttpRequest, HttpResponse, HttpSender } from '../../../src/http/message.js'
import type { DriveId, ItemId, ItemKey, TenantId } from '../../../src/model/ids.js'
import { OrganizationNames } from '../../../src/model/organization-names.js'

export const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
export const DRIVE = 'b!drive' as DriveId
export const ROOT: ItemKey = { tenant: CONTOSO, drive: DRIVE, item: '01ROOT' as ItemId }
export const patient: AbortSignal = new AbortController().signal

/** Time that passes only by sleeping. */
export class FakeClock implements Clock {
  time = Date.UTC(2026, 0, 1)
  readonly slept: number[] = []

  readonly now = () => this.time

  sleep(duration: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    this.slept.push(duration)
    this.time += duration
    return Promise.resolve()
  }
}

export type Answer = { status: number; headers?: Record<string, string>; body?: unknown } | Error

/** Answers requests one after the other, and remembers them. */
export class FakeHttp implements HttpSender {
  readonly requests: HttpRequest[] = []
  readonly #answers: Answer[]

  constructor(...answers: Answer[]) {
    this.#answers = answers
  }

  get paths(): string[] {
    return this.requests.map(({ url }) => url.replace('https://graph.microsoft.com', ''))
  }

  send(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request)
    const answer = this.#answers.shift()
    if (answer === undefined) return Promise.reject(new Error(`no answer left for ${request.url}`))
    if (answer instanceof Error) return Promise.reject(answer)
    return Promise.resolve(toResponse(answer))
  }
}

export function toResponse({ status, headers = {}, body = {} }: Exclude<Answer, Error>): HttpResponse {
  return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
}

export function graphError(status: number, code: string, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { error: { code, message: 'a text that decides nothing' } } }
}

export function fakeGraph(...answers: Answer[]) {
  return fakeGraphWith({}, ...answers)
}

export function fakeGraphWith(
  more: Partial<Pick<GraphClientDeps, 'revival' | 'onRefused' | 'onMoved'>>,
  ...answers: Answer[]
) {
  const clock = new FakeClock()
  const http = new FakeHttp(...answers)
  const asked: { refused?: string; claims?: string }[] = []
  const signIns = { count: 0 }
  const tokens: AccessTokens = {
    signInsAt: () => signIns.count,
    tokenFor: (_tenant, _scopes, _signal, options = {}) => {
      asked.push(options)
      return Promise.resolve(`token${asked.filter(({ refused }) => refused !== undefined).length}`)
    },
  }
  const organizations = new OrganizationNames()
  organizations.learn(CONTOSO, 'Contoso')
  const throttle = new Throttle(clock)
  const graph = new GraphClient({
    cloud: { graphHost: 'graph.microsoft.com' },
    http,
    tokens,
    throttle,
    clock,
    random: () => 0,
    organizations,
    ...more,
  })
  return { graph, http, clock, throttle, organizations, tokensAsked: asked, signIns }
}

export async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = []
  for await (const value of values) all.push(value)
  return all
}

/** A file as Graph describes it. */
export function rawFile(id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    name: `${id}.txt`,
    size: 10,
    file: { mimeType: 'text/plain', hashes: { quickXorHash: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' } },
    parentReference: { driveId: DRIVE, id: ROOT.item },
    eTag: '"{86EB4C8E-D20D-46B9-AD41-23B8868DDA8A},3"',
    createdDateTime: '2025-06-01T10:00:00Z',
    lastModifiedDateTime: '2025-06-02T10:00:00Z',
    ...more,
  }
}
