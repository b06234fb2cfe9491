import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Accounts } from '../../src/auth/accounts.js'
import { MsalClient } from '../../src/auth/msal-client.js'
import { SignIn } from '../../src/auth/sign-in.js'
import { TokenCacheFile } from '../../src/auth/token-cache-file.js'
import { TokenSource } from '../../src/auth/token-source.js'
import { systemClock } from '../../src/concurrency/clock.js'
import { startEmulator, type Emulator, type EmulatorOptions } from '../../src/emulator/emulator.js'
import { signInAsPerson } from '../../src/emulator/person.js'
import { GraphFolder } from '../../src/graph/children.js'
import { GraphContent } from '../../src/graph/content.js'
import { GraphDelta } from '../../src/graph/delta.js'
import { DownloadUrls } from '../../src/graph/download-urls.js'
import { GraphClient } from '../../src/graph/graph-client.js'
import { GraphItems } from '../../src/graph/items-now.js'
import { GraphListItems } from '../../src/graph/list-items.js'
import { GraphSharing } from '../../src/graph/sharing.js'
import { Throttle } from '../../src/graph/throttle.js'
import { GraphThumbnails } from '../../src/graph/thumbnails.js'
import { GraphViewpoint } from '../../src/graph/viewpoint.js'
import { GraphWriter } from '../../src/graph/writes.js'
import { HttpClient } from '../../src/http/http-client.js'
import { LibraryRights } from '../../src/libraries/library-rights.js'
import { LibraryResolver } from '../../src/libraries/resolve.js'
import { SharePointRights } from '../../src/libraries/sharepoint-rights.js'
import { TenantDiscovery } from '../../src/libraries/tenant-discovery.js'
import { WakeUp } from '../../src/libraries/wake-up.js'
import type { Cloud } from '../../src/model/cloud.js'
import { OrganizationNames } from '../../src/model/organization-names.js'

/** The whole client, as the daemon builds it, for one cloud and one state directory. */
export function buildClient(cloud: Cloud, stateDirectory: string) {
  const warnings: string[] = []
  const report = (problem: string) => void warnings.push(problem)
  const clock = systemClock
  const organizations = new OrganizationNames()
  const http = new HttpClient({ cloud, userAgent: 'NONISV|b2bmount|b2bmount/test' })
  const cache = new TokenCacheFile({ file: join(stateDirectory, 'account', 'tokens.json'), warn: report })
  const msal = new MsalClient({ cloud, http, cache })
  const accounts = new Accounts({ msal, cache })
  const signIn = new SignIn({ cloud, msal, accounts, clock, organizations })
  const tokens = new TokenSource({ cloud, msal, accounts, clock, organizations })
  const throttle = new Throttle(clock)
  const retry = { attempts: 4, firstDelay: 5, maxDelay: 50, deadline: 20_000 }
  const random = () => 0.5
  const graph = new GraphClient({ cloud, http, tokens, throttle, clock, random, organizations, retry })
  const urls = new DownloadUrls({ graph, clock, organizations })
  const sharing = new GraphSharing({ graph, report })
  const rights = new LibraryRights({
    permissions: sharing,
    viewpoint: new GraphViewpoint(graph),
    sharePoint: new SharePointRights({ http, tokens, clock, places: new GraphListItems(graph) }),
  })
  const content = new GraphContent({ http, urls, throttle, clock, random, organizations, retry })
  return {
    warnings,
    http,
    cache,
    msal,
    accounts,
    signIn,
    tokens,
    graph,
    sharing,
    rights,
    organizations,
    folder: new GraphFolder({ graph, report }),
    delta: new GraphDelta({ graph, report }),
    content,
    items: new GraphItems({ graph, throttle, organizations }),
    thumbnails: new GraphThumbnails({ graph, http, throttle, organizations }),
    writer: new GraphWriter({ graph, http, throttle, content, clock, random, organizations, retry }),
    resolver: new LibraryResolver({
      cloud,
      sharing,
      rights,
      tenants: new TenantDiscovery({ cloud, http }),
      wakeUp: new WakeUp({ http, tokens }),
      organizations,
    }),
  }
}

export type Client = ReturnType<typeof buildClient>

export interface World extends Client {
  readonly emulator: Emulator
  readonly cloud: Cloud
  readonly stateDirectory: string
  /** Ends every wait of the test. */
  readonly signal: AbortSignal
  /** A person at a browser. */
  readonly browser: (account?: string) => (url: string) => void
}

/** An emulator of its own and a client that knows it; both end with the test. */
export async function openWorld(t: Test, options: Partial<EmulatorOptions> = {}): Promise<World> {
  const directory = t.testdir({ emulator: {}, state: {} })
  const emulator = await startEmulator({ directory: join(directory, 'emulator'), ...options })
  t.teardown(() => emulator.close())
  const cloud = JSON.parse(readFileSync(emulator.cloudFile, 'utf8')) as Cloud
  const stateDirectory = join(directory, 'state')
  const client = buildClient(cloud, stateDirectory)
  const ending = new AbortController()
  t.teardown(() => ending.abort(new Error('the test has ended')))
  t.teardown(() => client.http.close())
  const browser =
    (account = 'ann@fabrikam.example') =>
    (url: string) => {
      signInAsPerson(url, { cloudFile: emulator.cloudFile, account, signal: ending.signal }).catch(() => {})
    }
  return { ...client, emulator, cloud, stateDirectory, signal: ending.signal, browser }
}

/** As {@link openWorld}, with Ann signed in. */
export async function openSignedInWorld(t: Test, options: Partial<EmulatorOptions> = {}): Promise<World> {
  const world = await openWorld(t, options)
  await world.signIn.inBrowser(world.browser(), world.signal)
  return world
}

/** An address of the emulator's world by its name there. */
export function addressOf({ emulator }: World, name: string): string {
  const address = emulator.world.addresses[name]
  if (address === undefined) throw new Error(`the world has no address "${name}"`)
  return address
}
