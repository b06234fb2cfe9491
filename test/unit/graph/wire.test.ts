import t from 'tap'
import {
  parseDriveChange,
  parseDriveItem,
  parseEach,
  parseTopItem,
  UnusableItem,
} from '../../../src/graph/wire.js'
import { rawFile } from './fake-graph.js'

t.test('a file of a live answer is understood', t => {
  const raw = {
    id: '017W47IH3FQVEFI23QCNG2VZV7L6NQPVBE',
    name: 'huehuehue.GIF',
    size: 88_843,
    eTag: '"{DEADBEEF-1B6A-4D13-AAE6-BF5F9B07D424},1"',
    cTag: '"c:{DEADBEEF-1B6A-4D13-AAE6-BF5F9B07D424},1"',
    createdDateTime: '2023-04-25T21:32:58Z',
    lastModifiedDateTime: '2023-04-25T21:32:58Z',
    webUrl: 'https://test-my.sharepoint.com/personal/x/Documents/huehuehue.GIF',
    parentReference: { driveId: 'b!1', id: '017W47IH6DRQF2GS2N6NGWLZRS7RUJ2DIP', driveType: 'business' },
    file: { mimeType: 'image/gif', hashes: { quickXorHash: 'sU5rmXOvVFn6zJHpCPro9cYaK+Q=' } },
    fileSystemInfo: {
      createdDateTime: '2023-04-24T00:00:00Z',
      lastModifiedDateTime: '2023-04-25T21:00:00.5Z',
    },
  }
  t.same(parseDriveItem(raw), {
    id: '017W47IH3FQVEFI23QCNG2VZV7L6NQPVBE',
    parentId: '017W47IH6DRQF2GS2N6NGWLZRS7RUJ2DIP',
    name: 'huehuehue.GIF',
    kind: 'file',
    size: 88_843,
    modified: Date.UTC(2023, 3, 25, 21, 0, 0, 500),
    created: Date.UTC(2023, 3, 24),
    eTag: raw.eTag,
    cTag: raw.cTag,
    quickXorHash: 'sU5rmXOvVFn6zJHpCPro9cYaK+Q=',
    mimeType: 'image/gif',
    webUrl: raw.webUrl,
  })
  t.end()
})

t.test('the root of a drive has no parent, no tags, and is a folder', t => {
  const root = {
    id: '01ROOT',
    name: 'root',
    root: {},
    folder: { childCount: 12 },
    parentReference: { driveId: 'b!1' },
  }
  t.match(parseDriveItem(root), { parentId: undefined, eTag: undefined, kind: 'folder', size: 0 })
  t.end()
})

t.test('a notebook is a package, whatever else it seems to be', t => {
  t.equal(parseDriveItem(rawFile('01N', { package: { type: 'oneNote' }, folder: {} })).kind, 'package')
  t.end()
})

t.test('a removal needs nothing but an id', t => {
  t.same(parseDriveChange({ id: '01GONE', deleted: { state: 'deleted' }, size: -1 }), {
    id: '01GONE',
    removed: true,
  })
  t.end()
})

t.test('the year 1 of system items becomes the epoch', t => {
  t.equal(parseDriveItem(rawFile('01A', { lastModifiedDateTime: '0001-01-01T00:00:00Z' })).modified, 0)
  t.end()
})

t.test('a hash that is none is as good as none', t => {
  for (const quickXorHash of ['', 'short', 7, null, '../../../../../etc/passwd', 'A'.repeat(28)]) {
    t.equal(parseDriveItem(rawFile('01A', { file: { hashes: { quickXorHash } } })).quickXorHash, undefined)
  }
  t.end()
})

t.test('an item without a name is not hidden: the drive will find it one', t => {
  t.equal(parseDriveItem(rawFile('01A', { name: '' })).name, '')
  t.end()
})

t.test('an item that makes no sense is left out, its neighbours are not', t => {
  const nonsense: unknown[] = [
    null,
    'text',
    [],
    {},
    rawFile('01A', { id: undefined }),
    rawFile('01A', { id: '' }),
    rawFile('01A', { id: 'with space' }),
    rawFile('01A', { id: 'x'.repeat(10_000) }),
    rawFile('01A', { id: { toString: 'trap' } }),
    rawFile('01A', { name: undefined }),
    rawFile('01A', { name: 42 }),
    rawFile('01A', { name: 'x'.repeat(10_000_000) }),
    rawFile('01A', { size: -1 }),
    rawFile('01A', { size: 1.5 }),
    rawFile('01A', { size: 2 ** 60 }),
    rawFile('01A', { size: '10' }),
    rawFile('01A', { size: undefined }),
    rawFile('01A', { lastModifiedDateTime: 'yesterday' }),
    rawFile('01A', { lastModifiedDateTime: '2025-13-41T99:00:00Z' }),
    rawFile('01A', { lastModifiedDateTime: 12 }),
    rawFile('01A', { parentReference: undefined }),
    rawFile('01A', { parentReference: { id: 7 } }),
    rawFile('01A', { eTag: 'x'.repeat(100_000) }),
    rawFile('01A', { file: undefined }),
    rawFile('01A', { file: undefined, remoteItem: { id: '1', folder: {} } }),
  ]
  const problems: string[] = []
  const good = [rawFile('01FIRST'), ...nonsense, rawFile('01LAST')]
  const items = parseEach(good, parseDriveItem, problem => problems.push(problem))
  t.same(
    items.map(({ id }) => id),
    ['01FIRST', '01LAST'],
  )
  t.equal(problems.length, nonsense.length)
  t.ok(
    problems.every(problem => problem.length < 100),
    'a report carries none of their text',
  )
  t.end()
})

t.test('names that would be dangerous on a disk pass: the drive maps them, with its own rules', t => {
  for (const name of ['..', 'a/b', 'nul\0', 'line\nbreak', '\ud800']) {
    t.equal(parseDriveItem(rawFile('01A', { name })).name, name)
  }
  t.end()
})

t.test('an item that stands for itself needs no parent', t => {
  const shared = rawFile('01A', { parentReference: { driveId: 'b!1' } })
  t.equal(parseTopItem(shared).parentId, undefined)
  t.throws(() => parseDriveItem(shared), UnusableItem)
  t.end()
})

t.test('a link that is not https is no link', t => {
  for (const webUrl of ['javascript:alert(1)', 'http://x', 7, `https://${'x'.repeat(10_000)}`]) {
    t.equal(parseDriveItem(rawFile('01A', { webUrl })).webUrl, undefined)
  }
  t.end()
})
