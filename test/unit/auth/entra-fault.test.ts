import t from 'tap'
import { entraFault } from '../../../src/auth/entra-fault.js'
import { EntraRefusal, toClaims, toCodes, toWord } from '../../../src/auth/entra-refusal.js'
import type { FaultCode } from '../../../src/model/fault.js'
import type { TenantId } from '../../../src/model/ids.js'
import { SignInRequired } from '../../../src/model/sign-in-required.js'

const CONTOSO = '22222222-2222-4222-8222-222222222222' as TenantId
const cloud = { loginHost: 'login.microsoftonline.com', clientId: '00000000-0000-4000-8000-00000000000c' }
const asked = { tenant: CONTOSO, organization: 'Contoso', isHome: false, cloud }
const refusal = (codes: number[], error = 'invalid_grant') => new EntraRefusal({ status: 400, error, codes })

/** Every number of the reference, part A5. */
const EXPECTED: Readonly<Record<string, FaultCode>> = {
  '50020 50034 90072 51004 16000 16003': 'not-a-guest',
  '50014': 'invitation-pending',
  '500212 500213 500021 500022': 'blocked-by-policy',
  '50076 50074 50078 50158 50079 50072': 'sign-in-required',
  '50097 53000 53001 53002 53003 530032 53011 50131 50005': 'blocked-by-policy',
  '50194 7000218': 'app-misconfigured',
  '65001 65005 90094 90095 650052 50105 700016 500011': 'consent-required',
  '65004': 'sign-in-failed',
  '90002 900023': 'tenant-not-found',
  '700082 70008 70043 50173 50132 50133 50058': 'sign-in-required',
  '50055 50057 500571 50053': 'account-problem',
  '7000112 500014': 'blocked-by-policy',
  '70018 70019': 'sign-in-failed',
  '1000104': 'blocked-by-policy',
  '90033': 'server-error',
  '50196': 'throttled',
}

t.test('every AADSTS number of the reference becomes a state with a next step', t => {
  for (const [numbers, code] of Object.entries(EXPECTED)) {
    for (const number of numbers.split(' ').map(Number)) {
      const fault = entraFault(refusal([number]), asked)
      t.equal(fault.code, code, `AADSTS${number}`)
      t.ok(fault.nextStep, `AADSTS${number} has a next step`)
    }
  }
  t.end()
})

t.test('the refusals of an organization name the organization', t => {
  for (const number of [50020, 50014, 500213, 53003, 65001, 700016, 50079]) {
    t.match(entraFault(refusal([number]), asked).message, /Contoso/)
  }
  t.end()
})

t.test('the side that blocks is named', t => {
  t.match(entraFault(refusal([500212]), asked), { message: /Your own organization/ })
  t.match(entraFault(refusal([500213]), asked), { message: /^Contoso does not accept/ })
  t.end()
})

t.test('missing consent comes with the page where an administrator can give it', t => {
  t.match(
    entraFault(refusal([65001], 'consent_required'), asked).nextStep,
    new RegExp(`https://login.microsoftonline.com/${CONTOSO}/adminconsent\\?client_id=${cloud.clientId}`),
  )
  t.end()
})

t.test('a second factor is asked for in that tenant, with its claims', t => {
  const claims = '{"access_token":{"capolids":{"essential":true}}}'
  const fault = entraFault(
    new EntraRefusal({ status: 400, error: 'interaction_required', codes: [50076], claims }),
    asked,
  )
  t.ok(fault instanceof SignInRequired)
  t.match(fault, { tenant: CONTOSO, claims, nextStep: /b2bmount sign-in 22222222/ })
  t.end()
})

t.test('a worn-out refresh token is renewed at home, whichever tenant noticed', t => {
  t.match(entraFault(refusal([700082]), asked), {
    code: 'sign-in-required',
    tenant: undefined,
    nextStep: 'Run: b2bmount sign-in',
  })
  t.end()
})

t.test('where no number is known the OAuth error decides, and never a text', t => {
  const expected: [string, FaultCode][] = [
    ['invalid_grant', 'sign-in-required'],
    ['interaction_required', 'sign-in-required'],
    ['consent_required', 'consent-required'],
    ['access_denied', 'sign-in-failed'],
    ['unauthorized_client', 'consent-required'],
    ['invalid_client', 'app-misconfigured'],
    ['temporarily_unavailable', 'server-error'],
    ['something_new', 'sign-in-failed'],
  ]
  for (const [error, code] of expected) t.equal(entraFault(refusal([], error), asked).code, code, error)
  t.equal(entraFault(refusal([99999999], 'consent_required'), asked).code, 'consent-required')
  t.end()
})

t.test('overload is not a refusal', t => {
  const busy = new EntraRefusal({ status: 429, error: 'x', retryAfterSeconds: 30 })
  t.match(entraFault(busy, asked), { code: 'throttled', retryAfterSeconds: 30 })
  t.equal(
    entraFault(new EntraRefusal({ status: 503, error: 'invalid_grant', codes: [50020] }), asked).code,
    'server-error',
  )
  t.end()
})

t.test('only words, numbers and bounded claims of an answer are kept', t => {
  t.equal(toWord('invalid_grant'), 'invalid_grant')
  for (const bad of ['two words', '\u001b[31m', 'x'.repeat(65), 7, null]) t.equal(toWord(bad), undefined)
  t.same(toCodes([50076, '53003', null, 1.5]), [50076])
  t.same(toCodes('50076'), [])
  t.equal(toClaims('x'.repeat(10_000)), undefined)
  t.end()
})

/** The rows of the reference, part A5, as the user reads them. */
const SENTENCES: readonly (readonly [number, RegExp, RegExp])[] = [
  [
    50020,
    /^Contoso does not know your account as a guest$/,
    /invite this very account: a link that asks for a code/,
  ],
  [50014, /has invited you, but the invitation is not accepted yet/, /mail, or here: b2bmount sign-in 2222/],
  [500212, /^Your own organization does not let you/, /^Ask your IT department/],
  [500213, /^Contoso does not accept guests from/, /^Ask your contact at Contoso/],
  [500021, /^The network you are in/, /another network/],
  [50076, /^Contoso asks you to sign in with a second factor$/, /b2bmount sign-in 2222/],
  [50158, /^Contoso asks you to agree to its terms of use, or to confirm/, /b2bmount sign-in 2222/],
  [50079, /^Contoso asks you to set up a second factor$/, /b2bmount sign-in 2222/],
  [53003, /^Contoso does not allow access from this device/, /exception for guests/],
  [50194, /^The app registration .* is not set up/, /multi-tenant/],
  [65001, /^Contoso has not approved b2bmount yet$/, /adminconsent\?client_id=/],
  [65004, /declined/, /accept/],
  [50105, /only assigned people/, /assign the app to you/],
  [700016, /^Contoso does not know b2bmount yet$/, /adminconsent\?client_id=/],
  [90002, /^Entra does not know Contoso$/, /Check the address/],
  [700082, /^Your sign-in has expired$/, /^Run: b2bmount sign-in$/],
  [50055, /password of your account has expired/, /b2bmount sign-in/],
  [50057, /disabled at Contoso/, /administrator of Contoso/],
  [50053, /locked/, /Wait a while/],
  [70019, /not entered in time/, /b2bmount sign-in/],
  [1000104, /another Microsoft cloud .*; guests cannot cross$/, /account of theirs/],
  [90033, /does not answer properly/, /few minutes/],
]

t.test('what the user reads says who refuses, why, and what to do', t => {
  for (const [number, message, nextStep] of SENTENCES) {
    t.match(entraFault(refusal([number]), asked), { message, nextStep }, `AADSTS${number}`)
  }
  t.end()
})

// Reference R19.
t.test('who is shut out by an administrator is told the number, whom to ask, and not to sign in', t => {
  for (const [number, message] of [
    [500571, /^Your account is disabled at Contoso \(AADSTS500571\)$/],
    [7000112, /^Contoso has disabled b2bmount .* \(AADSTS7000112\)$/],
    [500014, /^Contoso has disabled SharePoint .* \(AADSTS500014\)$/],
  ] as const) {
    const fault = entraFault(refusal([number]), asked)
    t.match(fault, { message, nextStep: /Ask an administrator of Contoso/ })
    t.notMatch(fault.nextStep, /b2bmount sign-in/)
  }
  t.end()
})

t.test('a number of another organization that nobody knows is no reason to sign in at home', t => {
  const fault = entraFault(refusal([123456]), asked)
  t.match(fault, {
    code: 'sign-in-failed',
    message: /AADSTS123456/,
    nextStep: /contact at Contoso.*sign-in 2222/,
  })
  t.equal(entraFault(refusal([123456]), { ...asked, isHome: true }).code, 'sign-in-required')
  t.equal(entraFault(refusal([70000]), asked).code, 'sign-in-required', 'a number that says nothing')
  t.end()
})

t.test('a guest who was let in before is not told to accept an invitation', t => {
  const fault = entraFault(refusal([50020]), { ...asked, wasLetIn: true })
  t.match(fault, { code: 'not-a-guest', message: /^Contoso no longer knows your account as a guest$/ })
  t.notMatch(fault.nextStep, /[Aa]ccept/)
  t.end()
})
