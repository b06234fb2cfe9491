import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import { makeCertificates } from '../../../src/emulator/certificates.js'
import { loadNativeAddon, nativeTls } from '../../../src/transport/native-addon.js'
import { HttpClient, type HttpClientOptions } from '../../../src/http/http-client.js'

/** As the daemon has it. `undefined` as an option: everything by the full client. */
const NATIVE = nativeTls(loadNativeAddon())

export const HOST = 'contoso.sharepoint.com'

export interface TestServer {
  readonly server: Server
  readonly port: number
  readonly caFile: string
  /** Sockets that were accepted, in order. */
  readonly sockets: readonly Socket[]
  readonly client: (options?: Partial<HttpClientOptions>) => HttpClient
}

/** An HTTPS server that claims to be `hosts`, and clients that are sent to it. Both end with the test. */
export async function serve(
  t: Test,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  hosts: readonly string[] = [HOST],
): Promise<TestServer> {
  const { caFile, chain, key } = await makeCertificates(t.testdir(), hosts)
  const sockets: Socket[] = []
  const server = createServer({ key, cert: chain }, answer)
  server.on('secureConnection', socket => sockets.push(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const client = (options: Partial<HttpClientOptions> = {}) => {
    const cloud = { connectTo: { address: '127.0.0.1', port }, caFile }
    const http = new HttpClient({
      cloud,
      userAgent: 'NONISV|b2bmount|b2bmount/test',
      native: NATIVE,
      ...options,
    })
    t.teardown(() => http.close())
    return http
  }
  return { server, port, caFile, sockets, client }
}

export function url(path = '/'): string {
  return `https://${HOST}${path}`
}

/** For waits that the test itself ends. */
export const patient: AbortSignal = new AbortController().signal
