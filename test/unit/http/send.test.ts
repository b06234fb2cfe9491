import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { jsonObjectOf } from '../../../src/http/json.js'
import { HttpClient } from '../../../src/http/http-client.js'
import { isFault } from '../../../src/model/fault.js'
import { HOST, patient, serve, url } from './https-server.js'

const text = (body: Uint8Array) => Buffer.from(body).toString('utf8')

t.test(
  'with connectTo the name, the Host header and the certificate check stay those of the real host',
  async t => {
    const { client } = await serve(t, (request, response) => {
      const { servername } = request.socket as unknown as { servername: string }
      response.end(JSON.stringify({ host: request.headers.host, servername, url: request.url }))
    })
    const response = await client().send({ method: 'GET', url: url('/a%20b?c=d') }, patient)
    t.same(jsonObjectOf(response, HOST), { host: HOST, servername: HOST, url: '/a%20b?c=d' })
  },
)

t.test(
  'a server that cannot prove to be the host is not trusted, and the message names the host',
  async t => {
    const { client } = await serve(t, (_, response) => response.end(), ['other.sharepoint.com'])
    for (const ask of [
      () => client().send({ method: 'GET', url: url() }, patient),
      () => client().download({ method: 'GET', url: url() }, () => undefined, patient),
    ]) {
      const failure = await ask().catch((failure: unknown) => failure)
      t.ok(isFault(failure, 'certificate-untrusted'))
      t.match(failure, { message: /contoso\.sharepoint\.com/ })
    }
  },
)

t.test("without the emulator's authority its certificate is not trusted", async t => {
  const { port } = await serve(t, (_, response) => response.end())
  const http = new HttpClient({ cloud: { connectTo: { address: '127.0.0.1', port } }, userAgent: 'test' })
  t.teardown(() => http.close())
  await t.rejects(http.send({ method: 'GET', url: url() }, patient), { code: 'certificate-untrusted' })
})

t.test('a port where nobody listens is offline', async t => {
  const { client, server } = await serve(t, () => {})
  await new Promise(resolve => server.close(resolve))
  await t.rejects(client().send({ method: 'GET', url: url() }, patient), {
    code: 'offline',
    breakdown: 'unreachable',
  })
  await t.rejects(
    client().download({ method: 'GET', url: url() }, () => undefined, patient),
    { code: 'offline' },
  )
})

t.test('a name that does not exist is offline', async t => {
  const http = new HttpClient({ cloud: {}, userAgent: 'test' })
  t.teardown(() => http.close())
  await t.rejects(http.send({ method: 'GET', url: 'https://graph.emulator.invalid/' }, patient), {
    code: 'offline',
  })
})

t.test('a missing file of trust roots is a configuration error', t => {
  t.throws(() => new HttpClient({ cloud: { caFile: '/nonexistent/ca.pem' }, userAgent: 'test' }), {
    code: 'configuration-invalid',
  })
  t.end()
})

t.test('a server that accepts and says nothing is given up', async t => {
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const { port } = silent.address() as { port: number }
  const deadlines = { connect: 50, firstByte: 50, betweenBytes: 50 }
  const http = new HttpClient({
    cloud: { connectTo: { address: '127.0.0.1', port } },
    userAgent: 'test',
    deadlines,
  })
  t.teardown(() => http.close())
  await t.rejects(http.send({ method: 'GET', url: url() }, patient), { code: 'timed-out' })
  await t.rejects(
    http.download({ method: 'GET', url: url() }, () => undefined, patient),
    { code: 'timed-out' },
  )
})

t.test('silence before the head, or in the middle of a body, is given up', async t => {
  const { client } = await serve(t, (request, response) => {
    if (request.url === '/body') response.writeHead(200, { 'content-length': 10 }).write('half')
  })
  const http = client({ deadlines: { firstByte: 60, connect: 1000, betweenBytes: 60 } })
  await t.rejects(
    http.download({ method: 'GET', url: url('/head') }, () => undefined, patient),
    { code: 'timed-out' },
  )
  await t.rejects(
    http.download({ method: 'GET', url: url('/body') }, () => undefined, patient),
    { code: 'timed-out' },
  )
  await t.rejects(http.send({ method: 'GET', url: url('/body') }, patient), { code: 'timed-out' })
})

t.test('a redirect is an answer, not an errand', async t => {
  const asked: (string | undefined)[] = []
  const { client } = await serve(t, (request, response) => {
    asked.push(request.url)
    response.writeHead(302, { location: url('/elsewhere') }).end()
  })
  const response = await client().send({ method: 'GET', url: url('/first') }, patient)
  t.equal(response.status, 302)
  t.same(asked, ['/first'])
})

t.test('a body that is too large is refused, also when it is small on the wire', async t => {
  const { client } = await serve(t, (request, response) => {
    const zipped = request.url === '/gzip'
    const body = zipped ? gzipSync(Buffer.alloc(1_000_000)) : Buffer.alloc(2000)
    response.writeHead(200, zipped ? { 'content-encoding': 'gzip' } : {}).end(body)
  })
  for (const path of ['/plain', '/gzip']) {
    const asked = client().send({ method: 'GET', url: url(path) }, patient, { largestBody: 1500 })
    await t.rejects(asked, { code: 'protocol-error' }, path)
  }
})

t.test('a compressed answer is inflated', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"name":"Müller"}'))
  })
  const response = await client().send({ method: 'GET', url: url() }, patient)
  t.equal(text(response.body), '{"name":"Müller"}')
})

t.test("an abort ends the request with the signal's own reason", async t => {
  const abort = new AbortController()
  const { client } = await serve(t, () => abort.abort(new Error('the reader was killed')))
  await t.rejects(client().send({ method: 'GET', url: url() }, abort.signal), {
    message: 'the reader was killed',
  })
})

t.test('the proxy of the environment is used, and NO_PROXY is obeyed', async t => {
  const asked: string[] = []
  const proxy = createServer(socket => {
    socket.once('data', head => {
      asked.push(head.toString('latin1').split('\r\n')[0] ?? '')
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  const { port } = proxy.address() as { port: number }
  const environment = { HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '.invalid' }
  const http = new HttpClient({ cloud: {}, userAgent: 'test', environment })
  t.teardown(() => http.close())
  await t.rejects(http.send({ method: 'GET', url: 'https://graph.emulator.example/' }, patient), {
    code: 'offline',
  })
  await t.rejects(
    http.download({ method: 'GET', url: 'https://graph.emulator.invalid/' }, () => undefined, patient),
    { code: 'offline' },
  )
  t.same(asked, ['CONNECT graph.emulator.example:443 HTTP/1.1'])
})

t.test('an answer that is not JSON is none, and may be asked for again', t => {
  const answer = { status: 200, headers: {}, body: Buffer.from('<html>sign in to the hotel network</html>') }
  t.throws(() => jsonObjectOf(answer, HOST), { code: 'server-error' })
  t.throws(() => jsonObjectOf({ ...answer, body: Buffer.from('[1]') }, HOST), { code: 'server-error' })
  t.end()
})
