import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { HttpClient } from '../../../src/http/http-client.js'
import type { ContentSink } from '../../../src/model/remote.js'
import { patient, serve, url } from './https-server.js'

const CONTENT = randomBytes(3 * 1024 * 1024 + 17)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Copies what it is given, and checks that it comes in order. */
function collector(taken: Buffer[] = []): { sink: ContentSink; all: () => Buffer } {
  let next = 0
  return {
    all: () => Buffer.concat(taken),
    sink: (chunk, offset) => {
      if (offset !== next) throw new Error(`expected offset ${next}, got ${offset}`)
      next += chunk.length
      taken.push(Buffer.from(chunk))
    },
  }
}

async function get(http: HttpClient, path: string, sink: ContentSink, signal = patient) {
  return await http.download(
    { method: 'GET', url: url(path) },
    head => (head.status === 200 ? sink : undefined),
    signal,
  )
}

t.test('every byte comes, once and in order', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const { sink, all } = collector()
  await get(client(), '/', sink)
  t.equal(sha256(all()), sha256(CONTENT))
})

t.test(
  'a slow sink is waited for, is never called twice at once, and may use the chunk until it is done',
  async t => {
    const { client } = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
    })
    const { sink, all } = collector()
    let busy = 0
    await get(client(), '/', async (chunk, offset) => {
      t.equal(++busy, 1)
      for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
      await sink(chunk, offset)
      busy--
    })
    t.equal(sha256(all()), sha256(CONTENT))
  },
)

t.test('a slow sink stops the other side, instead of filling our memory', { timeout: 20_000 }, async t => {
  const total = 64 * 1024 * 1024
  let sent = 0
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': total })
    const more = () => {
      while (sent < total) {
        sent += 1024 * 1024
        if (!response.write(Buffer.alloc(1024 * 1024))) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  const held = new AbortController()
  let release = () => {}
  const download = get(
    client({ deadlines: { betweenBytes: 50 } }),
    '/',
    () => new Promise(resolve => (release = resolve)),
    held.signal,
  )
  let before = -1
  // The sender comes to rest: nothing moves for as long as it would take to send everything.
  while (before !== sent) {
    before = sent
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  t.ok(sent < total / 2, `${sent} bytes were sent ahead`)
  held.abort(new Error('enough'))
  release()
  await t.rejects(download, { message: 'enough' }, 'not a time-out: the sink was the slow one')
})

t.test('a sink that fails ends the download with its own failure', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
  })
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  await t.rejects(
    get(client(), '/', () => Promise.reject(full)),
    full,
  )
  await t.rejects(
    get(client(), '/', () => {
      throw full
    }),
    full,
  )
})

t.test('a connection that breaks off is offline, and what came before has been delivered', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000), () => {
      response.socket?.destroy()
    })
  })
  const { sink, all } = collector()
  await t.rejects(get(client(), '/', sink), { code: 'offline', breakdown: 'interrupted' })
  t.same(all(), CONTENT.subarray(0, 1000))
})

t.test('a chunk that was not taken outweighs a lost connection', async t => {
  const { client, sockets } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000))
  })
  const download = get(client(), '/', async () => {
    sockets[0]?.destroy()
    await new Promise(resolve => setTimeout(resolve, 50))
    throw new Error('not written')
  })
  await t.rejects(download, { message: 'not written' })
})

t.test('a body whose length is not announced is delivered all the same', async t => {
  const { client } = await serve(t, (_, response) => {
    response.write(CONTENT.subarray(0, 1_000_000))
    response.end(CONTENT.subarray(1_000_000))
  })
  const { sink, all } = collector()
  await get(client(), '/', sink)
  t.equal(sha256(all()), sha256(CONTENT))
})

t.test('the connection is kept for the next range', async t => {
  const { client, sockets } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 300_000 }).end(CONTENT.subarray(0, 300_000))
  })
  const http = client()
  for (let i = 0; i < 4; i++) {
    const { sink, all } = collector()
    await get(http, '/', sink)
    t.equal(sha256(all()), sha256(CONTENT.subarray(0, 300_000)))
  }
  t.equal(sockets.length, 1)
})

t.test('a kept connection that the server has closed meanwhile costs nothing but another one', async t => {
  const { client, sockets } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 4 }).end('good')
  })
  const http = client()
  await get(http, '/', () => {})
  const gone = new Promise(resolve => sockets[0]?.once('close', resolve))
  sockets[0]?.destroy()
  await gone
  const { sink, all } = collector()
  await get(http, '/', sink)
  t.equal(all().toString(), 'good')
  t.equal(sockets.length, 2)
})

t.test('a whole body is delivered even when the server closes right behind it', async t => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length, connection: 'close' }).end(CONTENT)
  })
  const { sink, all } = collector()
  await get(client(), '/', async (chunk, offset) => {
    await new Promise(resolve => setImmediate(resolve))
    await sink(chunk, offset)
  })
  t.equal(sha256(all()), sha256(CONTENT))
})

t.test('more bytes than were announced are not delivered, and the connection is not used again', async t => {
  const { client, sockets } = await serve(t, request => {
    request.socket.write(
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    )
  })
  const http = client()
  for (let i = 0; i < 2; i++) {
    const { sink, all } = collector()
    await get(http, '/', sink)
    t.equal(all().toString(), 'good')
  }
  t.equal(sockets.length, 2)
})

t.test('a refusal is collected, up to a bound', async t => {
  const { client } = await serve(t, (request, response) => {
    response
      .writeHead(403)
      .end(request.url === '/small' ? '{"error":{"code":"accessDenied"}}' : Buffer.alloc(1_000_000))
  })
  const { body, status } = await get(client(), '/small', () => void t.fail('not content'))
  t.equal(status, 403)
  t.equal(Buffer.from(body).toString(), '{"error":{"code":"accessDenied"}}')
  await t.rejects(
    get(client(), '/large', () => void t.fail('not content')),
    { code: 'protocol-error' },
  )
})

t.test(
  "an abort in the middle ends the download with the signal's reason and closes the connection",
  async t => {
    const { client, sockets } = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, 1000))
    })
    const abort = new AbortController()
    const download = get(client(), '/', () => abort.abort(new Error('closed by its reader')), abort.signal)
    await t.rejects(download, { message: 'closed by its reader' })
    const [socket] = sockets
    if (socket && !socket.destroyed) await new Promise(resolve => socket.once('close', resolve))
    t.ok(socket?.destroyed)
  },
)
