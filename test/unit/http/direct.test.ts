import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { HttpClient } from '../../../src/http/http-client.js'
import { QuickXorSum } from '../../../src/hydration/quick-xor-sum.js'
import type { ContentSink } from '../../../src/model/remote.js'
import { loadNativeAddon } from '../../../src/transport/native-addon.js'
import { patient, serve, url, HOST } from './https-server.js'

const CONTENT = randomBytes(3 * 1024 * 1024 + 17)

/** After `serve`, which makes the test's folder: a file for bytes that begin at `base`, and a sink that sends there what need not be handed over. */
function fileSink(t: Test, path = join(t.testdirName, 'file'), base = 0) {
  const fd = openSync(path, path.startsWith('/dev/') ? 'w' : 'w+')
  t.teardown(() => closeSync(fd))
  const handed: Buffer[] = []
  const sum = new QuickXorSum()
  const { quickXorHash } = loadNativeAddon()
  const seen = { stored: 0, next: 0, onStored: () => {} }
  const take = (chunk: Uint8Array, offset: number) => {
    if (offset !== seen.next) throw new Error(`expected offset ${seen.next}, got ${offset}`)
    seen.next += chunk.length
    handed.push(Buffer.from(chunk))
    sum.add(quickXorHash(chunk), offset, chunk.length)
  }
  const direct: ContentSink['direct'] = (offset, length) => ({
    fd,
    position: base + offset,
    length,
    stored: (bytes, hash) => {
      sum.add(hash, seen.next, bytes)
      seen.next += bytes
      seen.stored += bytes
      seen.onStored()
    },
    fault: failure => new Error('not stored', { cause: failure }),
  })
  const sink: ContentSink = Object.assign(take, { direct })
  return { sink, path, seen, sum, handed: () => Buffer.concat(handed) }
}

async function get(http: HttpClient, sink: ContentSink, path = '/') {
  await http.download({ method: 'GET', url: url(path) }, () => sink, patient)
}

t.test('bytes go into the file without being handed over, and their hashes add up', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const base = 1000
  const { sink, path, seen, sum, handed } = fileSink(t, undefined, base)
  await get(client(), sink)
  const first = handed().length
  t.equal(seen.stored, CONTENT.length - first)
  t.ok(seen.stored > CONTENT.length / 2, `${seen.stored} bytes were stored`)
  t.same(handed(), CONTENT.subarray(0, first))
  t.same(readFileSync(path).subarray(base + first), CONTENT.subarray(first))
  t.equal(sum.length, CONTENT.length)
  t.equal(sum.digest(), loadNativeAddon().quickXorHash(CONTENT))
})

t.test('after that the connection is used again', async t => {
  const { client, sockets } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const http = client()
  for (let i = 0; i < 3; i++) {
    const { sink, seen } = fileSink(t)
    await get(http, sink)
    t.equal(seen.next, CONTENT.length)
  }
  t.equal(sockets.length, 1)
})

t.test('what belongs elsewhere is handed over again', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const { sink, seen, handed } = fileSink(t)
  let first: number | undefined
  const short: ContentSink = Object.assign((chunk: Uint8Array, offset: number) => sink(chunk, offset), {
    direct: (offset: number) => {
      if (first !== undefined) return undefined
      first = offset
      return sink.direct?.(offset, 100_000)
    },
  })
  await get(client(), short)
  t.equal(seen.stored, 100_000)
  const before = first ?? 0
  t.same(handed(), Buffer.concat([CONTENT.subarray(0, before), CONTENT.subarray(before + 100_000)]))
})

t.test('what came before a connection broke off is in the file and was told', async t => {
  const { client } = await serve(t, (_, response) => {
    response
      .writeHead(200, { 'content-length': CONTENT.length })
      .write(CONTENT.subarray(0, 1_500_000), () => response.socket?.destroy())
  })
  const { sink, path, seen, handed } = fileSink(t)
  await t.rejects(get(client(), sink), { code: 'offline', breakdown: 'interrupted' })
  t.equal(seen.next, 1_500_000)
  const first = handed().length
  t.same(readFileSync(path).subarray(first, 1_500_000), CONTENT.subarray(first, 1_500_000))
})

t.test('a full disk ends the download with what the sink makes of it', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const { sink, seen } = fileSink(t, '/dev/full')
  await t.rejects(get(client(), sink), { message: 'not stored', cause: { code: 'ENOSPC' } })
  t.equal(seen.stored, 0)
})

t.test('a sink that throws at what was stored ends the download with its own failure', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const { sink, seen } = fileSink(t)
  seen.onStored = () => {
    throw new Error('enough')
  }
  await t.rejects(get(client(), sink), { message: 'enough' })
})

t.test('bytes behind the announced length end the connection', async t => {
  const { client, sockets } = await serve(t, request => {
    request.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n')
  })
  const { sink, handed } = fileSink(t)
  const http = client()
  await get(http, sink)
  t.equal(String(handed()), 'hello')
  await get(http, fileSink(t).sink)
  t.equal(sockets.length, 2)
})

t.test('a server that cannot prove to be the host gets no request', async t => {
  let asked = 0
  const { client } = await serve(t, () => asked++, ['evil.example'])
  await t.rejects(get(client(), fileSink(t).sink), {
    code: 'certificate-untrusted',
    message: `The certificate of ${HOST} is not trusted (HOSTNAME_MISMATCH)`,
  })
  t.equal(asked, 0)
})

t.test(
  'without a cloud of its own, the roots of Node.js count, and those that its user has added',
  async t => {
    const { client, port, caFile } = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': 2 }).end('ok')
    })
    const cloud = { connectTo: { address: '127.0.0.1', port } }
    await t.rejects(get(client({ cloud }), fileSink(t).sink), { code: 'certificate-untrusted' })
    const { sink, handed } = fileSink(t)
    await get(client({ cloud, environment: { NODE_EXTRA_CA_CERTS: caFile } }), sink)
    t.equal(String(handed()), 'ok')
  },
)

t.test('the next connection to a host resumes the session of an earlier one', async t => {
  const reused: boolean[] = []
  const { client } = await serve(t, (request, response) => {
    reused.push(request.socket instanceof TLSSocket && request.socket.isSessionReused())
    response.writeHead(200, { 'content-length': 2, connection: 'close' }).end('ok')
  })
  const http = client()
  await get(http, fileSink(t).sink)
  await get(http, fileSink(t).sink)
  t.same(reused, [false, true])
})

t.test('many connections at once, of which some are given up', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const http = client()
  const downloads = Array.from({ length: 24 }, async (_, i) => {
    const abort = new AbortController()
    const { sink, path, seen, handed } = fileSink(t, join(t.testdirName, `file${i}`))
    if (i % 3 === 0) seen.onStored = () => abort.abort(new Error('given up'))
    const request = { method: 'GET', url: url('/') } as const
    const done = http.download(request, () => sink, abort.signal)
    if (i % 3 === 0) {
      await t.rejects(done, { message: 'given up' })
      return
    }
    await done
    const first = handed().length
    t.ok(readFileSync(path).subarray(first).equals(CONTENT.subarray(first)))
  })
  await Promise.all(downloads)
})

t.test('without native TLS the same bytes come through the full client', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const { sink, seen, handed } = fileSink(t)
  await get(client({ native: undefined }), sink)
  t.equal(seen.stored, 0)
  t.ok(handed().equals(CONTENT))
})
