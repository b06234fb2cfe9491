import t from 'tap'
import { visitAsPerson } from '../../src/emulator/person.js'
import { ANN, CONTOSO, type Lab, openLab } from './helpers.js'

const BOB = 'bob@fabrikam.example'
const MEGAN = 'megan@contoso.example'

interface Mail {
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

function open(lab: Lab, url: string, account: string) {
  return visitAsPerson(url, { cloudFile: lab.emulator.cloudFile, account })
}

async function latestMail(lab: Lab, to: string): Promise<Mail> {
  const { json } = await lab.admin('GET', `/outbox?to=${to}`)
  const [latest] = json['mails'] as Mail[]
  if (latest === undefined) throw new Error(`no mail to ${to}`)
  return (await lab.admin('GET', `/outbox/${latest.id}`)).json as unknown as Mail
}

const linkIn = ({ text }: Mail) => /https:\/\/\S+/.exec(text)?.[0] ?? 'no link'

function syncButton(html: string): URLSearchParams {
  const address = /title="Sync"[^>]*href="([^"]*)"/.exec(html)?.[1] ?? ''
  const plain = address.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
  if (!plain.startsWith('odopen://sync?')) throw new Error(`no Sync button in ${html}`)
  return new URLSearchParams(plain.slice('odopen://sync?'.length))
}

function state(lab: Lab, upn: string) {
  const principals = lab.emulator.world.tenant(CONTOSO)?.principals
  return principals?.find(({ user }) => user.upn === upn)
}

function design(lab: Lab) {
  const site = lab.emulator.world.sites.find(({ path }) => path === '/sites/Design')
  const drive = site?.libraries[0]
  if (!site || !drive) throw new Error('the world has no site Design')
  return { site, drive }
}

async function inviteBob(lab: Lab, more: object = {}, account = MEGAN) {
  const { drive } = design(lab)
  return lab.graph(await lab.token(CONTOSO, { account }), `/drives/${drive.id}/root:/Reports:/invite`, {
    method: 'POST',
    body: JSON.stringify({
      recipients: [{ email: BOB }],
      roles: ['read'],
      requireSignIn: true,
      sendInvitation: true,
      message: 'Have a look <b>at once</b>',
      ...more,
    }),
  })
}

t.test('a folder shared with somebody outside: a mail, a guest, a sign-in, and a Sync button', async t => {
  const lab = await openLab(t)
  const { site, drive } = design(lab)
  const { status, json } = await inviteBob(lab)
  t.equal(status, 200)
  t.match(json.value[0], { roles: ['read'], invitation: { email: BOB, signInRequired: true } })
  t.match(state(lab, BOB), { kind: 'guest', state: 'pending', sharePointKnows: false })

  const mail = await latestMail(lab, BOB)
  t.match(mail, { to: BOB, subject: 'Megan Manager shared the folder "Reports" with you.' })
  t.match(mail.html, 'Have a look &#60;b&#62;at once', 'what people write is no markup')
  const message = (await lab.admin('GET', `/outbox/${mail.id}.eml`)).text
  t.match(message, /^From: .*\r\nTo: bob@fabrikam\.example\r\n/)
  for (const [, part = ''] of message.matchAll(/base64\r\n\r\n([\s\S]*?)\r\n--/g))
    t.match(Buffer.from(part, 'base64').toString(), /https:\/\/contoso\.sharepoint\.com\/:f:\/s\/Design\//)

  const { body } = await open(lab, linkIn(mail), BOB)
  t.match(state(lab, BOB), { state: 'redeemed', sharePointKnows: true })
  const sync = syncButton(body)
  t.same(Object.fromEntries([...sync].filter(([name]) => /Id$|scope|Email|version|webUrl/.test(name))), {
    userId: state(lab, BOB)?.user.oid,
    userEmail: BOB,
    siteId: `{${site.siteId}}`,
    webId: `{${site.webId}}`,
    webUrl: site.webUrl,
    listId: `{${drive.listId}}`,
    listTemplateTypeId: '101',
    folderId: `{${drive.at(['Reports'])?.guid ?? ''}}`,
    scope: 'OPENFOLDER',
    version: '1',
  })
  const token = await lab.token(CONTOSO, { account: BOB })
  t.equal((await lab.graph(token, `/drives/${drive.id}/root:/Reports`)).status, 200)
  t.equal((await lab.graph(token, `/drives/${drive.id}/root:/Contracts`)).status, 403)
})

t.test(
  'a library and a site are shared the same way, and somebody else gets nowhere with the mail',
  async t => {
    const lab = await openLab(t)
    const { site, drive } = design(lab)
    for (const [what, where] of [
      ['library', { drive: drive.id }],
      ['site', {}],
    ] as const) {
      const shared = { do: 'share', site: site.webUrl, with: BOB, role: 'write', ...where }
      t.equal((await lab.admin('POST', '/people', shared)).status, 200)
      const mail = await latestMail(lab, BOB)
      t.match(mail.subject, `the ${what} "`)
      const { body } = await open(lab, linkIn(mail), BOB)
      if (what === 'library') t.equal(syncButton(body).get('scope'), 'OPENLIST')
      else t.match(body, /Forms\/AllItems\.aspx">Media</)
      t.equal(
        (await open(lab, `${site.webUrl}/Media`, BOB).catch(() => 'refused')) === 'refused',
        what !== 'site',
      )
      await t.rejects(open(lab, linkIn(mail), 'olivia@fabrikam.example'), /AADSTS50020/)
      await t.rejects(open(lab, `${site.webUrl}/Nowhere`, BOB), /404/)
    }
  },
)

t.test('a session of one host is none of another, and cannot be made up', async t => {
  const lab = await openLab(t)
  const { site } = design(lab)
  const first = await lab.ask(site.webUrl)
  t.equal(first.status, 302)
  t.match(
    first.headers.location,
    /^https:\/\/login\.microsoftonline\.com\/.*redirect_uri=https%3A%2F%2Fcontoso/,
  )
  const forged = await lab.form('https://contoso.sharepoint.com/_forms/default.aspx', {
    code: 'x',
    state: 'y',
  })
  t.equal(forged.status, 403)
  t.equal((await lab.ask(site.webUrl, { headers: { Cookie: 'FedAuth=x' } })).status, 302)
})

t.test('an invitation by Graph is redeemed at its link', async t => {
  const lab = await openLab(t)
  const token = await lab.token(CONTOSO, { account: MEGAN })
  const { status, json } = await lab.graph(token, '/invitations', {
    method: 'POST',
    body: JSON.stringify({
      invitedUserEmailAddress: BOB,
      inviteRedirectUrl: design(lab).site.webUrl,
      sendInvitationMessage: true,
    }),
  })
  t.equal(status, 201)
  t.match(json, { status: 'PendingAcceptance', invitedUserType: 'Guest', invitedUser: { id: /-/ } })
  const mail = await latestMail(lab, BOB)
  t.equal(linkIn(mail), json['inviteRedeemUrl'])
  await t.rejects(open(lab, linkIn(mail).replace(/ticket=[^&]*/, 'ticket=x'), BOB), /does not exist/)
  await t.rejects(open(lab, linkIn(mail), BOB), /permission to access/, 'a guest, and nothing is shared')
  t.match(state(lab, BOB), { state: 'redeemed' })
})

t.test('who may be invited, and by whom, is the administrators’ to say', async t => {
  const lab = await openLab(t)
  lab.emulator.world.tenant(CONTOSO)?.addMember('max', 'Max Member')
  const { site } = design(lab)
  await lab.admin('POST', '/people', {
    do: 'grant',
    tenant: 'contoso',
    user: 'max@contoso.example',
    site: site.id,
    role: 'write',
  })
  const control = async (more: object) => {
    const { status } = await lab.admin('POST', '/people', {
      do: 'sharing-control',
      tenant: 'contoso',
      ...more,
    })
    return status
  }
  const refused = async (more: object, account?: string) => {
    t.equal(await control(more), 200)
    const { status, json } = await inviteBob(lab, {}, account)
    t.equal(status, 403, JSON.stringify(more))
    await control({
      sharingCapability: 'externalUserAndGuestSharing',
      sharingDomainRestrictionMode: 'none',
      allowInvitesFrom: 'everyone',
    })
    return json.error.message
  }
  t.match(await refused({ sharingCapability: 'disabled' }), /turned off/)
  t.match(
    await refused({ sharingCapability: 'existingExternalUserSharingOnly' }),
    /already in your directory/,
  )
  const other = { sharingDomainRestrictionMode: 'allowList', sharingAllowedDomainList: ['northwind.example'] }
  t.match(await refused(other), /this domain/)
  const blocked = {
    sharingDomainRestrictionMode: 'blockList',
    sharingBlockedDomainList: ['Fabrikam.example'],
  }
  t.match(await refused(blocked), /this domain/)
  t.match(await refused({ allowInvitesFrom: 'none' }), /invitations not allowed/)
  const admins = { allowInvitesFrom: 'adminsAndGuestInviters' }
  t.match(await refused(admins, 'max@contoso.example'), /invitations not allowed/)
  t.match(
    await refused({ allowInvitesFrom: 'adminsGuestInvitersAndAllMembers' }, ANN),
    /invitations not allowed/,
  )
  t.equal(state(lab, BOB), undefined, 'nobody was invited')
  t.same((await lab.admin('GET', '/outbox')).json['mails'], [])
  t.equal(await control({ allowInvitesFrom: 'anybody' }), 400)

  t.equal(
    await control({
      ...admins,
      sharingDomainRestrictionMode: 'allowList',
      sharingAllowedDomainList: ['fabrikam.example'],
    }),
    200,
  )
  t.equal((await inviteBob(lab)).status, 200, 'the administrator, for an allowed domain')
  const known = { sharingCapability: 'existingExternalUserSharingOnly', allowInvitesFrom: 'none' }
  t.equal(await control(known), 200)
  t.equal((await inviteBob(lab, {}, 'max@contoso.example')).status, 200, 'who is a guest is no new one')
})

t.test('what sharing is not emulated says so', async t => {
  const lab = await openLab(t)
  for (const more of [
    { requireSignIn: false },
    { password: 'x' },
    { recipients: [{ email: 'otto@elsewhere.example' }] },
    { recipients: [{ alias: 'bob' }] },
  ])
    t.equal((await inviteBob(lab, more)).status, 501, JSON.stringify(more))
  t.equal((await inviteBob(lab, { recipients: [] })).status, 400)
  t.equal((await inviteBob(lab, {}, ANN)).status, 200, 'who may write may share')
})

t.test(
  'without B2B integration a shared folder makes no guest: its link asks for a code by mail',
  async t => {
    const lab = await openLab(t)
    await lab.admin('POST', '/people', {
      do: 'sharing-control',
      tenant: 'contoso',
      enableAzureADB2BIntegration: false,
    })
    t.equal((await inviteBob(lab)).status, 200)
    t.equal(state(lab, BOB), undefined)
    const { body } = await open(lab, linkIn(await latestMail(lab, BOB)), BOB)
    t.match(body, /send a code to your email/)
    t.notMatch(body, /odopen/)
  },
)

t.test('the page of a sharing link that was revoked says so', async t => {
  const lab = await openLab(t)
  await inviteBob(lab)
  const url = linkIn(await latestMail(lab, BOB))
  await lab.admin('POST', '/people', { do: 'revoke-link', url })
  await t.rejects(open(lab, url, BOB), /has been removed/)
})
