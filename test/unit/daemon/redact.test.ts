import t from 'tap'
import { redact } from '../../../src/daemon/redact.js'
import { Fault } from '../../../src/model/fault.js'

const JWT = `eyJ0eXAiOiJKV1QiLCJub25jZSI6Ij.${'aB3_'.repeat(20)}.${'xY-9'.repeat(20)}`
const REFRESH = `1.AXkA${'kZ3_'.repeat(60)}`

const SECRETS: Readonly<Record<string, readonly [string, RegExp]>> = {
  'a pre-authenticated URL': [
    'GET https://contoso.sharepoint.com/_layouts/15/download.aspx?UniqueId=1&tempauth=v1.secretsecret failed',
    /^GET https:\/\/contoso\.sharepoint\.com\/_layouts\/15\/download\.aspx\?\[redacted\] failed$/,
  ],
  'an authorization code': [
    'callback http://localhost:4711/?code=0.secretsecret&state=1',
    /^callback http:\/\/localhost:4711\/\?\[redacted\]$/,
  ],
  'an answer in a fragment': [
    'https://x.example/#code=secretsecret',
    /^https:\/\/x\.example\/\?\[redacted\]$/,
  ],
  'a form body': [
    'grant_type=x&code=secretsecret&redirect_uri=y',
    /^grant_type=x&code=\[redacted\]&redirect_uri=y$/,
  ],
  'an Authorization header': [
    'Authorization: Bearer secretsecret.secret',
    /^Authorization: Bearer \[redacted\]$/,
  ],
  'a JSON Web Token': [`token ${JWT} refused`, /^token \[redacted\] refused$/],
  'a refresh token': [`sent ${REFRESH} again`, /^sent \[redacted\] again$/],
  'a password in a URL': ['https://ann:secretsecret@x.example/a', /^https:\/\/\[redacted\]@x\.example\/a$/],
}

for (const [what, [text, expected]] of Object.entries(SECRETS)) {
  t.test(`${what} is not written`, t => {
    t.match(redact(text), expected)
    t.notMatch(
      JSON.stringify(redact({ deep: [{ failure: new Error('outer', { cause: new Error(text) }) }] })),
      /secretsecret|aB3_|kZ3_/,
    )
    t.end()
  })
}

t.test('fields with a telling name are redacted whatever they hold', t => {
  t.same(
    redact({
      accessToken: 'x',
      client_secret: 'x',
      Cookie: 'x',
      codeVerifier: 'x',
      downloadUrl: 'x',
      token: { a: 1 },
    }),
    {
      accessToken: '[redacted]',
      client_secret: '[redacted]',
      Cookie: '[redacted]',
      codeVerifier: '[redacted]',
      downloadUrl: '[redacted]',
      token: '[redacted]',
    },
  )
  t.end()
})

t.test('what is needed to find a problem stays', t => {
  const fields = {
    item: '01BYE5RZ6QN3ZWBTUFOFD3GSPGOHDJD36K',
    drive: 'b!-RIj2DuyvEyV1T4NlOaMHk8XkS_I8MdFlUCq1BlcjgmhRfAj3-Z8RY2VpuvV_tpd',
    tenant: '66666666-2222-3333-4444-555555555555',
    hash: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    code: 'ENOSPC',
    bytes: 12,
    missing: undefined,
  }
  t.same(redact(fields), fields)
  t.end()
})

t.test('an error keeps its name, code, stack and causes', t => {
  const failure = new Fault('offline', 'no network', {
    cause: Object.assign(new Error('connect'), { code: 'ENETDOWN' }),
  })
  t.match(redact(failure), {
    name: 'Fault',
    code: 'offline',
    message: 'no network',
    stack: /redact\.test/,
    cause: { name: 'Error', message: 'connect', code: 'ENETDOWN' },
  })
  t.end()
})

t.test('what is endless or huge is cut', t => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  t.doesNotThrow(() => JSON.stringify(redact(circle)))
  t.ok((redact('word '.repeat(10_000)) as string).length < 5_000)
  t.equal(redact(new Uint8Array(7)), '[7 bytes]')
  t.equal(JSON.stringify(redact(7n)), '"7"')
  t.end()
})
