import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import puppeteer, { type Page } from 'puppeteer-core'
import t, { type Test } from 'tap'
import { openSandbox, type Sandbox } from '../../scripts/sandbox.js'
import type { LibraryStatus } from '../../src/control/answers.js'
import type { Cloud } from '../../src/model/cloud.js'
import { cannotMount } from '../helpers/can-mount.js'
import { eventually } from '../helpers/desktop-session.js'
import { missingPrograms } from '../helpers/missing-programs.js'

const execute = promisify(execFile)
const skip = cannotMount || missingPrograms('chromium', 'certutil', 'xdg-open')
const HOST = 'contoso.sharepoint.com'

/** A desktop of scripts: who is asked says yes, and what is told is written down. */
async function prepareDesktop({ home, env }: Sandbox) {
  const bin = join(home, 'bin')
  await mkdir(bin)
  for (const name of ['zenity', 'notify-send']) {
    await writeFile(
      join(bin, name),
      `#!/bin/sh\nfor word in "$@"; do echo "$word"; done >> '${home}/${name}'\n`,
    )
    await chmod(join(bin, name), 0o755)
  }
  // xdg-open wants a display before it looks for a scheme's program; nothing here draws.
  Object.assign(env, { PATH: `${bin}:${env['PATH'] ?? ''}`, DISPLAY: ':no-display' })
  return (name: string) => readFile(join(home, name), 'utf8').catch(() => '')
}

/** Chromium as a user has it who trusts the emulator's authority and has ticked "always allow" for Contoso's links. */
async function openBrowser(t: Test, { home, env, cloudFile }: Sandbox): Promise<Page> {
  const { caFile, connectTo } = JSON.parse(await readFile(cloudFile, 'utf8')) as Required<Cloud>
  const [database, profile] = [join(home, '.pki', 'nssdb'), join(home, 'profile')]
  await mkdir(database, { recursive: true })
  const store = ['-d', `sql:${database}`]
  await execute('certutil', [...store, '-N', '--empty-password'])
  await execute('certutil', [...store, '-A', '-t', 'C,,', '-n', 'emulator', '-i', caFile])
  await mkdir(join(profile, 'Default'), { recursive: true })
  const allowed = { [`https://${HOST}`]: { odopen: true } }
  await writeFile(
    join(profile, 'Default', 'Preferences'),
    JSON.stringify({ protocol_handler: { allowed_origin_protocol_pairs: allowed } }),
  )
  const browser = await puppeteer.launch({
    executablePath: '/usr/bin/chromium',
    userDataDir: profile,
    pipe: true,
    env: { ...env, HOME: home },
    args: [
      '--no-sandbox',
      '--no-first-run',
      '--disable-background-networking',
      `--host-resolver-rules=MAP *:443 ${connectTo.address}:${connectTo.port}`,
    ],
  })
  t.teardown(() => browser.close())
  const [page] = await browser.pages()
  return page ?? (await browser.newPage())
}

async function follow(page: Page, selector: string): Promise<void> {
  await Promise.all([page.waitForNavigation({ timeout: 20_000 }), page.click(selector)])
}

/** As text: its types would need those of a browser. */
const heading = (page: Page) => page.evaluate("document.querySelector('h1')?.textContent")

t.test('from the mail to the drive by clicking in a browser', { skip }, async t => {
  const sandbox = await openSandbox({ user: 'bob@fabrikam.example' })
  t.teardown(() => sandbox.close())
  const said = await prepareDesktop(sandbox)
  const drive = join(sandbox.home, 'B2B')
  await sandbox.json('desktop', 'install')
  const shared = { do: 'share', site: `https://${HOST}/sites/Design`, with: 'bob@fabrikam.example' }
  const { addresses, tenants } = await sandbox.admin<World>('GET', '/world')
  const driveId = tenants
    .flatMap(({ sites }) => sites)
    .flatMap(({ libraries }) => libraries)
    .find(({ webUrl }) => webUrl === addresses['contoso documents'])?.driveId
  const { mail } = await sandbox.admin<{ mail: string }>('POST', '/people', {
    ...shared,
    drive: driveId,
    path: 'Reports',
    role: 'read',
  })

  const page = await openBrowser(t, sandbox)
  const { connectTo } = JSON.parse(await readFile(sandbox.cloudFile, 'utf8')) as Required<Cloud>
  await page.goto(`https://127.0.0.1:${connectTo.port}/_emulator/outbox/${mail}.html`)
  await follow(page, 'a.button')
  t.equal(await heading(page), 'Pick an account')
  await follow(page, 'button[value="bob@fabrikam.example"]')
  t.equal(await heading(page), 'Review permissions')
  // The answer is posted to SharePoint by a page that sends itself.
  await page.click('button[value="accept"]')
  await page.waitForSelector('a[title="Sync"]', { timeout: 20_000 })
  t.equal(await heading(page), 'Reports')
  t.equal(new URL(page.url()).host, HOST)

  await page.click('a[title="Sync"]')
  await eventually('the library is added and mounted', async () =>
    (await said('notify-send')).includes('Added'),
  )
  t.match(await said('zenity'), /add a library of contoso\.sharepoint\.com/)
  t.match(await said('notify-send'), /Sign in with the browser/, 'he was not signed in')
  const [library, ...others] = await sandbox.json<LibraryStatus[]>('list')
  t.same(others, [])
  t.match(library, {
    organization: 'Contoso',
    name: 'Design - Documents - Reports',
    scope: 'folder',
    access: 'read',
  })
  const folder = join(drive, 'Contoso', library?.name ?? '')
  const names = await readdir(folder)
  t.ok(names.length > 0, names.join())
  const year = join(folder, names.find(name => /^\d/.test(name)) ?? '')
  const [first = ''] = await readdir(year)
  t.ok((await readFile(join(year, first))).length > 0, 'its files are readable')
})

interface World {
  readonly addresses: Readonly<Record<string, string>>
  readonly tenants: readonly {
    readonly sites: readonly { readonly libraries: readonly { driveId: string; webUrl: string }[] }[]
  }[]
}
