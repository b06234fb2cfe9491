import t from 'tap'
import { GraphViewpoint } from '../../../src/graph/viewpoint.js'
import { Fault } from '../../../src/model/fault.js'
import { fakeGraph, graphError, patient, ROOT, type Answer } from './fake-graph.js'

const asked = (...answers: Answer[]) => {
  const { graph, http } = fakeGraph(...answers)
  return { http, access: () => new GraphViewpoint(graph).accessTo(ROOT, patient) }
}
const told = (accessOperations: unknown): Answer => ({
  status: 200,
  body: { id: ROOT.item, viewpoint: { accessOperations } },
})
const reads = {
  canRead: true,
  canDownload: true,
  canComment: true,
  canUpdate: false,
  canDelete: false,
  canCreateFile: false,
  canCreateFolder: false,
}

t.test('one item is read from beta, with the token of Graph', async t => {
  const { http, access } = asked(told(reads))
  t.equal(await access(), 'read')
  t.same(
    http.requests.map(({ method, url, headers }) => [method, url, headers?.['authorization']]),
    [
      [
        'GET',
        'https://graph.microsoft.com/beta/drives/b!drive/items/01ROOT?$select=id,viewpoint',
        'Bearer token0',
      ],
    ],
  )
})

t.test('whatever may be changed makes a library writable', async t => {
  for (const name of ['canUpdate', 'canDelete', 'canCreateFile', 'canCreateFolder']) {
    t.equal(await asked(told({ ...reads, [name]: true })).access(), 'write', name)
  }
})

t.test('what is not said, or makes no sense, is not known', async t => {
  const bodies: Readonly<Record<string, unknown>> = {
    'no viewpoint': { id: 'x' },
    'viewpoint is null': { viewpoint: null },
    'an empty viewpoint': { viewpoint: {} },
    'operations are a list': { viewpoint: { accessOperations: [true] } },
    'operations are a text': { viewpoint: { accessOperations: 'canUpdate' } },
    'nothing said': { viewpoint: { accessOperations: {} } },
    'half said': { viewpoint: { accessOperations: { canRead: true, canUpdate: false } } },
    'no booleans': { viewpoint: { accessOperations: { canUpdate: 'true', canCreateFile: 1 } } },
    'may not even read': { viewpoint: { accessOperations: { ...reads, canRead: false } } },
    'of another kind': { viewpoint: { accessOperations: { ...reads, canUpdate: 'false' } } },
  }
  for (const [what, body] of Object.entries(bodies)) {
    t.equal(await asked({ status: 200, body }).access(), 'unknown', what)
  }
  const pages = Array.from({ length: 5 }, () => ({ status: 200, body: '<html>' }))
  t.equal(await asked(...pages).access(), 'unknown', 'not JSON, however often it is asked')
})

t.test('a refusal is no failure', async t => {
  for (const status of [400, 403, 404, 405, 410, 422, 501]) {
    t.equal(await asked(graphError(status, 'x')).access(), 'unknown', String(status))
  }
  const failing = Array.from({ length: 9 }, () => graphError(500, 'generalException'))
  t.equal(await asked(...failing).access(), 'unknown', 'beta is broken')
})

t.test('what keeps Graph from answering at all is one', async t => {
  const offline = Array.from({ length: 9 }, () => new Fault('offline', 'no network'))
  await t.rejects(asked(...offline).access(), { code: 'offline' })
  await t.rejects(asked(graphError(401, 'x'), graphError(401, 'x')).access(), { code: 'sign-in-required' })
})
