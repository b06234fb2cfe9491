import t from 'tap'
import { bodyLength, parseHead } from '../../../src/http/response-head.js'

const parse = (text: string) => parseHead(Buffer.from(text, 'latin1'))

t.test('a head is parsed once it is complete', t => {
  const text = 'HTTP/1.1 206 Partial Content\r\nContent-Length:  10 \r\nETag: "{A},1"\r\nX:\r\n\r\nbody'
  t.equal(parse(text.slice(0, 40)), undefined)
  const head = parse(text)
  t.match(head, { status: 206, length: text.length - 4 })
  t.equal(head?.headers['etag'], '"{A},1"')
  t.equal(head?.headers['x'], '')
  t.equal(head && bodyLength(head), 10)
  t.end()
})

t.test('what is not plainly HTTP/1.1 is refused', t => {
  const damaged = [
    'SSH-2.0-OpenSSH\r\n\r\n',
    'HTTP/1.0 200 OK\r\n\r\n',
    'HTTP/1.1 999 No\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n',
    `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(20_000)}`,
  ]
  for (const text of damaged) t.throws(() => parse(text), SyntaxError, JSON.stringify(text.slice(0, 50)))
  t.end()
})

t.test('a length in doubt is no length', t => {
  const lengthOf = (...fields: string[]) => {
    const head = parse(['HTTP/1.1 200 OK', ...fields, '', ''].join('\r\n'))
    return head && bodyLength(head)
  }
  t.equal(lengthOf('Content-Length: 5'), 5)
  t.equal(lengthOf(), undefined)
  t.equal(lengthOf('Content-Length: 5', 'Content-Length: 6'), undefined)
  t.equal(lengthOf('Content-Length: -5'), undefined)
  t.equal(lengthOf('Content-Length: 5', 'Transfer-Encoding: chunked'), undefined)
  t.end()
})

t.test('a header named __proto__ is a header', t => {
  t.equal(parse('HTTP/1.1 200 OK\r\n__proto__: x\r\n\r\n')?.headers['__proto__'], 'x')
  t.end()
})
