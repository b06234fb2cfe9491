import {
  type INetworkModule,
  type NetworkRequestOptions,
  type NetworkResponse,
  PublicClientApplication,
} from '@azure/msal-node'
import t from 'tap'
import { signInAsPerson } from '../../src/emulator/person.js'
import { ANN, CLIENT_ID, CONTOSO, FABRIKAM, type Lab, openLab } from './helpers.js'

const SCOPES = ['Files.ReadWrite.All', 'Sites.Read.All', 'User.Read']

/** Microsoft's own library, connected to the emulator under the real host names. */
function msal(lab: Lab): PublicClientApplication {
  const networkClient: INetworkModule = {
    sendGetRequestAsync: (url, options) => send(lab, 'GET', url, options),
    sendPostRequestAsync: (url, options) => send(lab, 'POST', url, options),
  }
  return new PublicClientApplication({
    auth: {
      clientId: CLIENT_ID,
      authority: 'https://login.microsoftonline.com/organizations',
      clientCapabilities: ['CP1'],
    },
    system: { networkClient },
  })
}

async function send<Body>(
  lab: Lab,
  method: string,
  url: string,
  options: NetworkRequestOptions = {},
): Promise<NetworkResponse<Body>> {
  const reply = await lab.ask(url, {
    method,
    headers: options.headers ?? {},
    ...(options.body !== undefined && { body: options.body }),
  })
  return { status: reply.status, headers: reply.headers as Record<string, string>, body: reply.json as Body }
}

t.test('msal-node signs a person in and gets a token for another organization', async t => {
  const lab = await openLab(t)
  const app = msal(lab)
  const result = await app.acquireTokenInteractive({
    scopes: SCOPES,
    openBrowser: async url => {
      await signInAsPerson(url, { cloudFile: lab.emulator.cloudFile, account: ANN })
    },
  })
  t.equal(result.tenantId, FABRIKAM)
  t.equal(result.account?.username, ANN)

  const account = { ...result.account, tenantId: CONTOSO } as NonNullable<typeof result.account>
  const there = await app.acquireTokenSilent({
    scopes: SCOPES,
    account,
    authority: `https://login.microsoftonline.com/${CONTOSO}`,
  })
  t.equal(there.tenantId, CONTOSO)
  t.equal(
    (await lab.graph(there.accessToken, '/me')).json['userPrincipalName'],
    'ann_fabrikam.example#EXT#@contoso.onmicrosoft.com',
  )
  t.equal((await app.getTokenCache().getAllAccounts()).length, 2)
})

t.test('msal-node understands a refusal as what it is', async t => {
  const lab = await openLab(t)
  const app = msal(lab)
  const { account } = await app.acquireTokenInteractive({
    scopes: SCOPES,
    openBrowser: async url => {
      await signInAsPerson(url, { cloudFile: lab.emulator.cloudFile, account: ANN })
    },
  })
  const silent = (tenant: string) =>
    app.acquireTokenSilent({
      scopes: SCOPES,
      account: { ...account, tenantId: tenant } as NonNullable<typeof account>,
      authority: `https://login.microsoftonline.com/${tenant}`,
    })
  await t.rejects(silent('88888888-8888-4888-8888-888888888888'), {
    name: 'InteractionRequiredAuthError',
    errorNo: '50076',
  })
  await t.rejects(silent('77777777-7777-4777-8777-777777777777'), {
    name: 'InteractionRequiredAuthError',
    errorNo: '65001',
  })
  await t.rejects(silent('55555555-5555-4555-8555-555555555555'), { name: 'ServerError', errorNo: '50020' })
})

t.test('msal-node signs in by device code', async t => {
  const lab = await openLab(t)
  const result = await msal(lab).acquireTokenByDeviceCode({
    scopes: SCOPES,
    deviceCodeCallback: ({ userCode }) => void lab.admin('POST', '/device', { userCode, user: ANN }),
  })
  t.equal(result?.account?.username, ANN)
})
