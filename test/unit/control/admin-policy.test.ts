import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAdminPolicy } from '../../../src/control/admin-policy.js'
import { readPolicy, SYSTEM_POLICY } from '../../../src/control/policy-file.js'

const CONTOSO = '22222222-2222-4222-8222-22222222222a'
const TAILSPIN = '33333333-3333-4333-8333-333333333333'
const LIBRARY = `tenantId=${CONTOSO}&siteId={1}&webId={2}&listId={3}&webUrl=https://contoso.sharepoint.com&version=1`
const owner = process.getuid?.() ?? 0

const parse = (content: unknown) => parseAdminPolicy(content, '/etc/b2bmount/policy.json')

t.test('every key has the meaning that it has in a policy of Microsoft', t => {
  const policy = parse({
    AllowTenantList: [CONTOSO.toUpperCase()],
    BlockTenantList: { [TAILSPIN]: true },
    BlockExternalSync: true,
    DisableOfflineModeForExternalLibraries: 1,
    MinDiskSpaceLimitInMB: 500,
    WarningMinDiskSpaceLimitInMB: 2_000,
    UploadBandwidthLimit: 50,
    DownloadBandwidthLimit: 100_000,
    EnableODIgnoreListFromGPO: ['*.pst'],
    HydrationDisallowedApps: [{ ApplicationId: 'cloud-backup', MaxBundleVersion: '1.1' }],
    TenantAutoMount: { Projects: LIBRARY },
    AccessRemovedPolicy: 'purge after 30 days',
  })
  t.same([...(policy.allowedTenants ?? [])], [CONTOSO])
  t.same([...policy.blockedTenants], [TAILSPIN])
  t.match(policy, {
    blocksExternal: true,
    forbidsOffline: true,
    leastFree: 500_000_000,
    warnsBelow: 2_000_000_000,
    uploadRate: 50_000,
    downloadRate: 100_000_000,
    neverUploaded: ['*.pst'],
    disallowedPrograms: ['cloud-backup'],
    libraries: [{ name: 'Projects', address: LIBRARY, tenant: CONTOSO }],
    accessRemoved: { kind: 'purge', afterDays: 30 },
  })
  t.equal(policy.keys.length, 12)
  t.end()
})

t.test('lists may have the forms of macOS and of the registry, and apps that of a text', t => {
  t.same([...parse({ BlockTenantList: { [CONTOSO]: CONTOSO } }).blockedTenants], [CONTOSO])
  t.same(parse({ EnableODIgnoreListFromGPO: { 1: '*.pst', 2: '~*' } }).neverUploaded, ['*.pst', '~*'])
  const apps = JSON.stringify([{ ApplicationId: '/opt/scanner/*' }])
  t.same(parse({ HydrationDisallowedApps: apps }).disallowedPrograms, ['/opt/scanner/*'])
  t.same(parse({ AccessRemovedPolicy: 'purge' }).accessRemoved, { kind: 'purge', afterDays: 0 })
  t.end()
})

t.test('a list of nobody allows nobody, and no list allows everybody', t => {
  t.equal(parse({ AllowTenantList: [] }).allowedTenants?.size, 0)
  t.equal(parse({}).allowedTenants, undefined)
  t.end()
})

t.test('what cannot be understood is named, with its key', t => {
  const wrong: Readonly<Record<string, unknown>> = {
    AllowTenantList: ['contoso.com'],
    BlockTenantList: { [CONTOSO]: false },
    BlockExternalSync: 'yes',
    DisableOfflineModeForExternalLibraries: 2,
    MinDiskSpaceLimitInMB: -1,
    WarningMinDiskSpaceLimitInMB: 1.5,
    UploadBandwidthLimit: 49,
    DownloadBandwidthLimit: 100_001,
    EnableODIgnoreListFromGPO: ['a/b'],
    HydrationDisallowedApps: '[{"ApplicationId":',
    TenantAutoMount: { Projects: 'https://contoso.sharepoint.com' },
    AccessRemovedPolicy: 'purge soon',
  }
  for (const [key, value] of Object.entries(wrong)) {
    t.throws(
      () => parse({ [key]: value }),
      {
        code: 'configuration-invalid',
        message: new RegExp(`"${key}" in /etc/b2bmount/policy.json must be `),
      },
      key,
    )
  }
  t.throws(() => parse({ BlockExternalSynk: true }), /unknown key, "BlockExternalSynk"/)
  t.throws(() => parse([]), { code: 'configuration-invalid' })
  t.end()
})

t.test('no file is no policy', t => {
  t.match(readPolicy({ file: join(t.testdir(), 'none', 'policy.json'), owner }), { kind: 'none' })
  t.same(SYSTEM_POLICY, { file: '/etc/b2bmount/policy.json', owner: 0 })
  t.end()
})

t.test('a file that says nothing that can be understood closes everything, and says why', t => {
  const file = join(t.testdir({ 'policy.json': '{"BlockExternalSynk": true}' }), 'policy.json')
  const reading = readPolicy({ file, owner })
  t.match(reading, {
    kind: 'unusable',
    fault: { code: 'blocked-by-policy', nextStep: 'Ask your administrator.' },
  })
  t.match(
    reading.kind === 'unusable' && reading.fault.message,
    /policy\.json.*"BlockExternalSynk".*Did you mean/,
  )
  for (const content of ['', '{', 'null', '[]']) {
    writeFileSync(file, content)
    t.equal(readPolicy({ file, owner }).kind, 'unusable', content)
  }
  writeFileSync(file, '{"BlockExternalSync": true}')
  t.match(readPolicy({ file, owner }), { kind: 'in-force', policy: { blocksExternal: true } })
  t.end()
})

t.test('so does one that somebody else than its administrator could have written', t => {
  const folder = join(t.testdir(), 'etc')
  mkdirSync(folder, { mode: 0o755 })
  const file = join(folder, 'policy.json')
  writeFileSync(file, '{}')
  t.equal(readPolicy({ file, owner }).kind, 'in-force')
  t.equal(readPolicy({ file, owner: owner + 1 }).kind, 'unusable', 'of another owner')
  chmodSync(file, 0o664)
  t.equal(readPolicy({ file, owner }).kind, 'unusable', 'writable by a group')
  chmodSync(file, 0o644)
  chmodSync(folder, 0o777)
  t.equal(readPolicy({ file, owner }).kind, 'unusable', 'to be replaced by anybody')
  chmodSync(folder, 0o755)
  t.equal(readPolicy({ file: folder, owner }).kind, 'unusable', 'not a file')
  t.end()
})
