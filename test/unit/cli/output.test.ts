import { mock } from 'node:test'
import t from 'tap'
import { EXIT, exitCodeOf } from '../../../src/cli/exit-code.js'
import { count, formatAge, formatBytes, table } from '../../../src/cli/format.js'
import { Output, type OutputOptions } from '../../../src/cli/output.js'
import { printable, printableJson } from '../../../src/cli/printable.js'
import { progressText } from '../../../src/cli/progress-line.js'

function output(options: Partial<OutputOptions> = {}) {
  const written = { stdout: '', stderr: '' }
  const all = {
    stdout: { write: (text: string) => (written.stdout += text) },
    stderr: { write: (text: string) => (written.stderr += text) },
    json: false,
    quiet: false,
    verbose: false,
    ...options,
  }
  return { written, output: new Output(all) }
}

t.test('a name from another organization cannot speak to the terminal', t => {
  const hostile = 'a\x1b[2J\x1b]0;title\x07\r\nb\u202Egpj.exe\u009b31m\u200b\ud800'
  const shown = printable(hostile)
  t.equal(shown, 'a�[2J�]0;title���b�gpj.exe�31m��')
  const { written, output: out } = output()
  out.answer({}, [`Added ${hostile}.`])
  out.note(hostile)
  out.problem({ code: 'offline', message: hostile, nextStep: hostile })
  out.prompt({ kind: 'browser', url: hostile }, true)
  t.notMatch(written.stdout + written.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
  t.equal(written.stdout.split('\n').length, 2, 'and cannot begin a line of its own')
  t.end()
})

t.test('JSON means the same after it is made safe', t => {
  const value = { name: 'a\x1b[2J\u009b\u202e\n"', list: [1, 'ä'] }
  const text = printableJson(value)
  t.same(JSON.parse(text), value)
  t.notMatch(text, /[\u009b\u202e]/)
  t.end()
})

t.test('names in other scripts and emoji stay as they are', t => {
  for (const name of ['Übersicht', '予算', 'סיכום', '👍🏽 done', 'e\u0301']) t.equal(printable(name), name)
  t.end()
})

t.test('a failure is one sentence and its next step', t => {
  const { written, output: out } = output()
  out.problem({ code: 'offline', message: 'No network', nextStep: 'Try again.' })
  t.same(written, { stdout: '', stderr: 'b2bmount: No network.\nTry again.\n' })
  t.end()
})

t.test('with --json a failure is the document', t => {
  const { written, output: out } = output({ json: true })
  out.problem({ code: 'offline', message: 'No network' })
  t.same(JSON.parse(written.stdout), { error: { code: 'offline', message: 'No network' } })
  t.equal(written.stderr, '')
  t.end()
})

t.test('--quiet leaves failures and what only the user can do', t => {
  const { written, output: out } = output({ quiet: true })
  out.answer({}, ['Done.'])
  out.note('By the way.')
  t.same(written, { stdout: '', stderr: '' })
  out.prompt({ kind: 'device-code', url: 'https://x', userCode: 'A', expires: 0 }, false)
  t.match(written.stderr, /https:\/\/x .* A\n$/)
  t.end()
})

t.test('progress is silent without a terminal, unless --verbose', t => {
  const silent = output()
  silent.output.progress({ message: 'Listing' })
  t.equal(silent.written.stderr, '')
  const verbose = output({ verbose: true })
  verbose.output.progress({ message: 'Listing', done: 1200, total: 5000 })
  t.equal(verbose.written.stderr, 'Listing … 1,200 of 5,000\n')
  t.end()
})

t.test('progress in a terminal appears after two seconds and is erased before the answer', t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let screen = ''
  const terminal = { isTTY: true, columns: 20, write: (text: string) => (screen += text) }
  const { output: out } = output({ stderr: terminal })
  out.progress({ message: 'Listing Contoso and more' })
  mock.timers.tick(1999)
  t.equal(screen, '')
  mock.timers.tick(1)
  t.equal(screen, '\r\x1b[KListing Contoso and')
  screen = ''
  out.answer({}, ['Done.'])
  t.equal(screen, '\r\x1b[K')
  t.end()
})

t.test('numbers are written for people', t => {
  t.same([0, 999, 1000, 1_500_000, 12_300_000_000, 5e15].map(formatBytes), [
    '0 bytes',
    '999 bytes',
    '1.0 KB',
    '1.5 MB',
    '12 GB',
    '5000 TB',
  ])
  t.same([0, 59_000, 60_000, 3_600_000, 172_800_000].map(formatAge), [
    'just now',
    'just now',
    '1 minute ago',
    '1 hour ago',
    '2 days ago',
  ])
  t.equal(count(1, 'item'), '1 item')
  t.equal(progressText({ message: 'x', done: 3 }), 'x … 3')
  t.end()
})

t.test('columns are as wide as their widest cell', t => {
  t.same(
    table([
      ['a', 'bb', ''],
      ['e\u0301e', 'b', 'c'],
    ]),
    ['a   bb', 'e\u0301e  b   c'],
  )
  t.end()
})

t.test('each kind of failure has its exit code', t => {
  t.equal(exitCodeOf('usage'), EXIT.usage)
  t.equal(exitCodeOf('sign-in-required'), EXIT.signIn)
  t.equal(exitCodeOf('single-file'), EXIT.refused)
  t.equal(exitCodeOf('certificate-untrusted'), EXIT.network)
  t.equal(exitCodeOf('fuse-missing'), EXIT.machine)
  t.equal(exitCodeOf('code of a newer daemon' as 'usage'), EXIT.failed)
  t.end()
})
