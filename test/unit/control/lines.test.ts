import t from 'tap'
import { LineSplitter, parseMessage } from '../../../src/control/lines.js'

t.test('lines come whole, however the stream is cut', t => {
  const stream = Buffer.from('{"a":"ä"}\n\n{"b":1}\nrest')
  for (let size = 1; size <= stream.length; size++) {
    const splitter = new LineSplitter(100)
    const lines: string[] = []
    for (let at = 0; at < stream.length; at += size)
      lines.push(...splitter.push(stream.subarray(at, at + size)))
    t.same(lines, ['{"a":"ä"}', '', '{"b":1}'], `in pieces of ${size}`)
  }
  t.end()
})

t.test('a line that grows beyond the limit is refused before it ends', t => {
  const splitter = new LineSplitter(8)
  t.same(splitter.push(Buffer.from('12345678\n1234')), ['12345678'])
  t.throws(() => splitter.push(Buffer.from('56789')), { code: 'protocol-error' })
  t.end()
})

t.test('a message is a JSON object with a type', t => {
  t.same(parseMessage('{"type":"hello"}'), { type: 'hello' })
  for (const line of ['', 'x', 'null', '[]', '{}', '{"type":1}', '"type"']) {
    t.throws(() => parseMessage(line), { code: 'protocol-error' }, JSON.stringify(line))
  }
  t.end()
})
