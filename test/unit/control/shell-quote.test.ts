import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { shellQuote } from '../../../src/control/shell-quote.js'

t.test('a shell reads back what was quoted', async t => {
  const words = [
    'plain/path-1.txt',
    '',
    "it's",
    '$(reboot) `reboot`; "x"',
    'two words',
    '~',
    '-x',
    "'; rm -rf / '",
    'ä\n\\',
  ]
  const options = { timeout: 10_000 }
  const printed = await promisify(execFile)(
    'sh',
    ['-c', `printf '%s\\0' ${words.map(shellQuote).join(' ')}`],
    options,
  )
  t.same(printed.stdout.split('\0').slice(0, -1), words)
  t.equal(shellQuote('/home/ann/B2B'), '/home/ann/B2B')
  t.equal(shellQuote('~'), "'~'")
})
