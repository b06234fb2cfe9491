import { join } from 'node:path'
import t from 'tap'
import { chooseCloud, parseCloud } from '../../../src/control/cloud-choice.js'
import { parseConfig } from '../../../src/control/config.js'

const CLIENT = '11111111-2222-3333-4444-555555555555'
const EMULATED = {
  name: 'emulator',
  loginHost: 'login.microsoftonline.com',
  graphHost: 'graph.microsoft.com',
  sharePointSuffix: '.sharepoint.com',
  clientId: CLIENT,
  connectTo: { address: '127.0.0.1', port: 8443 },
  caFile: '/tmp/ca.pem',
}

t.test('an unknown key is an error, with the one that was meant', t => {
  t.throws(() => parseConfig({ clientid: CLIENT }, 'config.json'), {
    code: 'configuration-invalid',
    message: 'config.json has an unknown key, "clientid"',
    nextStep: 'Did you mean "clientId"?',
  })
  t.throws(() => parseConfig({ wholly: 1 }, 'config.json'), {
    code: 'configuration-invalid',
    nextStep: /^Known keys: clientId, cloud, logLevel, hydration, /,
  })
  t.throws(() => parseConfig({ toString: 1 }, 'config.json'), { code: 'configuration-invalid' })
  t.end()
})

t.test('a value of the wrong kind is refused with what is expected', t => {
  t.throws(() => parseConfig({ clientId: 'my app' }, 'config.json'), {
    message: /^"clientId" in config\.json must be .* a GUID$/,
  })
  t.throws(() => parseConfig({ logLevel: 'loud' }, 'config.json'), {
    message: '"logLevel" in config.json must be one of "error", "warn", "info", "debug"',
  })
  for (const hosts of ['contoso.sharepoint.com', [1], ['https://contoso.sharepoint.com'], ['*']])
    t.throws(() => parseConfig({ syncButtonHosts: hosts }, 'config.json'), {
      message: /a list of SharePoint hosts/,
    })
  t.same(parseConfig({ syncButtonHosts: ['Contoso.sharepoint.com'] }, 'x').syncButtonHosts, [
    'Contoso.sharepoint.com',
  ])
  for (const content of [null, [], 'x', 1])
    t.throws(() => parseConfig(content, 'config.json'), { message: /JSON object/ })
  t.end()
})

t.test("an emulator's cloud.json is accepted as it is", t => {
  t.same(parseCloud(EMULATED, 'cloud.json'), EMULATED)
  t.end()
})

t.test('a cloud.json that could lead elsewhere than its name says is refused', t => {
  const wrong = {
    name: ['../global', '', '-x', 'a'.repeat(41), 'ä'],
    loginHost: ['https://login.example', 'login.example/x', 'user@login.example', 'LOGIN'],
    sharePointSuffix: ['sharepoint.com', '.'],
    connectTo: [
      { address: '127.0.0.1' },
      { address: '', port: 1 },
      { address: 'x', port: 65536 },
      'x:1',
      null,
    ],
    caFile: ['ca.pem', 1],
  }
  for (const [key, values] of Object.entries(wrong)) {
    for (const value of values) {
      const broken = () => parseCloud({ ...EMULATED, [key]: value }, 'cloud.json')
      t.throws(
        broken,
        { code: 'configuration-invalid', message: new RegExp(`^"${key}"`) },
        `${key}: ${JSON.stringify(value)}`,
      )
    }
  }
  const incomplete = Object.entries(EMULATED).filter(([key]) => key !== 'graphHost')
  t.throws(() => parseCloud(Object.fromEntries(incomplete), 'cloud.json'), {
    message: 'cloud.json lacks "graphHost"',
  })
  t.end()
})

t.test('--cloud comes before B2BMOUNT_CLOUD, that before config.json, that before Microsoft', async t => {
  const home = t.testdir({
    b2bmount: { 'config.json': JSON.stringify({ clientId: CLIENT, cloud: 'china' }) },
    'cloud.json': JSON.stringify(EMULATED),
  })
  const environment = { XDG_CONFIG_HOME: home }
  const file = join(home, 'cloud.json')
  t.match(await chooseCloud(undefined, environment), {
    cloud: { name: 'china', clientId: CLIENT },
    choice: 'china',
  })
  t.match(await chooseCloud(undefined, { ...environment, B2BMOUNT_CLOUD: file }), {
    cloud: { name: 'emulator' },
    choice: file,
  })
  t.match(await chooseCloud('global', { ...environment, B2BMOUNT_CLOUD: file }), {
    cloud: { name: 'global', graphHost: 'graph.microsoft.com' },
  })
})

t.test('what cannot be chosen is explained', async t => {
  const home = t.testdir({ broken: { b2bmount: { 'config.json': '{' } } })
  const environment = { XDG_CONFIG_HOME: home }
  await t.rejects(chooseCloud('mars', environment), {
    code: 'configuration-invalid',
    nextStep: /global, us-government/,
  })
  await t.rejects(chooseCloud(join(home, 'none.json'), environment), { message: /^There is no file / })
  await t.rejects(chooseCloud(undefined, environment), { message: 'No app registration is configured' })
  await t.rejects(chooseCloud(undefined, { XDG_CONFIG_HOME: join(home, 'broken') }), {
    message: /is not valid JSON$/,
  })
})

t.test('rules for programs are lists of names and absolute paths', t => {
  const good = {
    hydration: { deny: ['/opt/scanner/*'], localOnly: ['photo-importer'], headOnly: [], full: ['restic'] },
    HydrationDisallowedApps: [
      { ApplicationId: 'cloud-backup', MaxBundleVersion: '1.1', MaxBuildVersion: '1.0' },
    ],
    cacheLimitInMB: 10_000,
    minimumFreeSpaceInMB: 0,
    freeUpAfterDays: 30,
  }
  t.same(parseConfig(good, 'config.json'), good)
  for (const [wrong, message] of [
    [{ hydration: [] }, '"hydration" in config.json must be an object of lists of programs'],
    [
      { hydration: { localOnly: ['bin/scan'] } },
      /^"localOnly" in "hydration" of config\.json must be a list of names or absolute paths/,
    ],
    [{ hydration: { full: 'restic' } }, /^"full" in "hydration" of config\.json must be a list/],
    [{ hydration: { allow: [] } }, '"hydration" of config.json has an unknown key, "allow"'],
    [{ HydrationDisallowedApps: {} }, /^"HydrationDisallowedApps" in config\.json must be a list of/],
    [{ HydrationDisallowedApps: ['x'] }, '"HydrationDisallowedApps" of config.json must hold a JSON object'],
    [{ HydrationDisallowedApps: [{}] }, '"HydrationDisallowedApps" of config.json lacks "ApplicationId"'],
    [
      { HydrationDisallowedApps: [{ ApplicationId: 1 }] },
      /^"ApplicationId" in .* must be the name of a program/,
    ],
    [
      { cacheLimitInMB: '10 GB' },
      '"cacheLimitInMB" in config.json must be a whole number from 0 to 1000000000',
    ],
    [{ freeUpAfterDays: 0 }, '"freeUpAfterDays" in config.json must be a whole number from 1 to 10000'],
    [{ minimumFreeSpaceInMB: -1 }, /must be a whole number/],
  ] as const) {
    t.throws(() => parseConfig(wrong, 'config.json'), { code: 'configuration-invalid', message })
  }
  t.end()
})
