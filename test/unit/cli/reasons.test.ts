import t from 'tap'
import { deletionLines } from '../../../src/cli/commands/deletions.js'
import { itemLines, statusLines } from '../../../src/cli/commands/status.js'
import { unsentLines } from '../../../src/cli/commands/sync.js'
import type { DaemonStatus, ItemStatus, UnsentItem } from '../../../src/control/answers.js'

const file: ItemStatus = {
  path: '/b2b/Contoso/Docs/plan.docx',
  kind: 'file',
  state: 'attention',
  pin: 'unspecified',
  size: 5,
  localBytes: 0,
  modified: 0,
  library: undefined,
  webUrl: undefined,
}
const unsent: UnsentItem = {
  path: file.path,
  change: 'content',
  state: 'waiting',
  since: 0,
  size: 5,
  sentBytes: 0,
  problem: {
    code: 'protocol-error',
    message: 'Contoso refused our request (400): “The column is required.” (request 12-34)',
    nextStep: 'Ask them.',
  },
  nextAttempt: 61_000,
}
const text = (lines: readonly string[]) => lines.join('\n').replace(/ {2,}/g, ' ')

t.test('the status of a file says why it was not sent, and what can be done, not a word of pins', async t => {
  const said = text(itemLines({ ...file, unsent, unsentIn: 1 }, 0))
  t.match(said, 'State Needs attention: changed here, and could not be sent')
  t.match(said, 'Unsent changed, waiting, again in 61 seconds')
  t.match(said, 'Reason Contoso refused our request (400): “The column is required.” (request 12-34).')
  t.match(said, 'Next Ask them.')
  t.notMatch(said, /always|downloaded/)
  const { problem: _, ...waiting } = unsent
  t.match(
    text(itemLines({ ...file, state: 'syncing', unsent: waiting, unsentIn: 1 }, 0)),
    'State Syncing: changed here, and not sent yet',
  )
})

t.test('a folder names what in it is not sent', async t => {
  const folder = { ...file, path: '/b2b/Contoso/Docs', kind: 'folder' as const, unsent, unsentIn: 3 }
  t.match(
    text(itemLines(folder, 0)),
    'Unsent changed, waiting, again in 61 seconds, /b2b/Contoso/Docs/plan.docx',
  )
  t.match(text(itemLines(folder, 0)), 'and 2 changes more')
})

t.test('a file that could not be downloaded says why', async t => {
  const problem = { code: 'corrupt-content', message: 'It may be protected', nextStep: 'Open it.' } as const
  const said = text(itemLines({ ...file, pin: 'always-local', problem }, 0))
  t.match(said, 'State Needs attention: to be always available, and could not be downloaded')
  t.match(said, 'Reason It may be protected.\nNext Open it.')
})

t.test('what was deleted here and is here again says why', async t => {
  const problem = { code: 'access-denied', message: 'Contoso does not let you delete this' } as const
  const said = text(itemLines({ ...file, notDeleted: { at: 0, path: file.path, problem } }, 120_000))
  t.match(said, 'Deleted 2 minutes ago, and here again\nReason Contoso does not let you delete this.')
})

const status = {
  account: undefined,
  mounts: [],
  libraries: [],
  unsent: { items: [{ ...unsent, change: 'deletion' as const, path: "/b2b/it's" }], total: 1, bytes: 0 },
  notDeleted: [{ at: 0, path: '/b2b/kept', problem: { code: 'access-denied', message: 'No' } }],
} as unknown as DaemonStatus

t.test(
  'deletions that wait are shown with the way back, and those that came back with the reason',
  async t => {
    t.same(deletionLines(status, 60_000), [
      "To be deleted, 1 minute ago: /b2b/it's",
      '    Contoso refused our request (400): “The column is required.” (request 12-34). Ask them.',
      "    To have it back:  b2bmount deletions reject '/b2b/it'\\''s'",
      'Not deleted, 1 minute ago, and here again: /b2b/kept: No.',
    ])
    t.same(deletionLines({ ...status, unsent: { items: [], total: 0, bytes: 0 }, notDeleted: [] }, 0), [
      'No deletion waits.',
    ])
    t.ok(statusLines(status, 60_000).includes('Not deleted, 1 minute ago, and here again: /b2b/kept: No.'))
  },
)

t.test('what is held is followed by the command that decides', async t => {
  const held = { ...unsent, change: 'deletion', state: 'held' } as const
  t.equal(
    unsentLines({ items: [held], total: 1, bytes: 0 }, 0).at(-1),
    'So many deletions at once wait for you. See and decide:  b2bmount deletions',
  )
})

t.test('a deletion that was refused meanwhile is not everything sent', async t => {
  const notDeleted = [
    { at: 0, path: '/b2b/kept', problem: { code: 'access-denied', message: 'No.' } },
  ] as const
  const report = { items: [], total: 0, bytes: 0, notDeleted }
  t.same(unsentLines(report, 60_000), ['Not deleted, 1 minute ago, and here again: /b2b/kept: No.'])
})
