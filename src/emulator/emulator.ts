import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Admin } from './admin/admin.js'
import { makeCertificates, writeSafely } from './certificates.js'
import { Counters } from './counters.js'
import { Entra } from './entra/entra.js'
import { Signing } from './entra/signing.js'
import { Tokens } from './entra/tokens.js'
import { FaultBook } from './faults/fault-book.js'
import { Budgets } from './graph/budgets.js'
import { Graph } from './graph/graph.js'
import { EmulatorServer, type Hosts } from './server.js'
import { DownloadUrls } from './sharepoint/download-urls.js'
import { Media } from './sharepoint/media.js'
import { NOTIFICATION_HOST, Notifications } from './sharepoint/notifications.js'
import { INVITATION_HOST } from './sharing/share.js'
import { SharePoint } from './sharepoint/sharepoint.js'
import { MEDIA_HOST, ThumbnailUrls } from './sharepoint/thumbnail-urls.js'
import { UploadEndpoint } from './sharepoint/upload-endpoint.js'
import { UploadSessions } from './sharepoint/upload-sessions.js'
import { B2BMOUNT_CLIENT_ID } from './world/apps.js'
import { buildWorld, type LibraryFromDisk, type WorldName } from './world/build-world.js'
import { Promotions } from './world/promotions.js'
import { Spool } from './world/spool.js'
import type { World } from './world/world.js'

export interface EmulatorOptions {
  /** Where certificates, keys and cloud.json are kept. */
  readonly directory: string
  /** 0 = any free port. */
  readonly port?: number
  readonly world?: WorldName | World
  readonly libraries?: readonly LibraryFromDisk[]
}

export interface Emulator {
  readonly port: number
  /** Absolute paths. */
  readonly cloudFile: string
  readonly caFile: string
  /** `https://127.0.0.1:{port}/_emulator` */
  readonly adminUrl: string
  readonly world: World
  readonly faults: FaultBook
  readonly counters: Counters
  /** Upload sessions that have not ended. */
  readonly sessions: Pick<UploadSessions, 'list'>
  close(): Promise<void>
}

/** Starts a small Microsoft 365 on 127.0.0.1. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const directory = resolve(options.directory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const world =
    typeof options.world === 'object'
      ? options.world
      : await buildWorld(options.world ?? 'demo', options.libraries ?? [])
  const certificates = await makeCertificates(directory, hostsOf(world))
  const signing = await Signing.load(directory)
  const tokens = new Tokens(world, signing)
  const downloadUrls = new DownloadUrls(signing)
  const thumbnailUrls = new ThumbnailUrls(signing)
  const notifications = new Notifications(world, signing)
  const spool = await Spool.open(directory)
  const sessions = new UploadSessions(spool, signing, world.clock)
  const promotions = new Promotions(spool, world.clock)
  const faults = new FaultBook()
  const counters = new Counters()
  const budgets = new Budgets(world.clock)

  // The hosts need the server (batches pass its faults), the server needs the hosts.
  const server = new EmulatorServer(certificates, () => hosts)
  const entra = new Entra({ world, signing, tokens })
  const graph = new Graph({
    world,
    tokens,
    downloadUrls,
    thumbnailUrls,
    notifications,
    spool,
    sessions,
    promotions,
    budgets,
    around: (exchange, route) => server.around(exchange, route),
  })
  const hosts: Hosts = {
    world,
    entra,
    graph,
    sharePoint: new SharePoint({
      world,
      tokens,
      graph,
      downloadUrls,
      signIns: entra.signIns,
      uploads: new UploadEndpoint({ world, sessions, promotions, downloadUrls }),
    }),
    media: new Media({ world, thumbnailUrls }),
    admin: new Admin({
      world,
      faults,
      counters,
      signIns: entra.signIns,
      downloadUrls,
      thumbnailUrls,
      notifications,
      sessions,
      budgets,
      server,
    }),
    promotions,
    faults,
    counters,
  }

  server.attach(notifications)
  const port = await server.listen(options.port ?? 0)
  const cloudFile = join(directory, 'cloud.json')
  await writeSafely(cloudFile, JSON.stringify(cloud(port, certificates.caFile), undefined, 2) + '\n')
  return {
    port,
    cloudFile,
    caFile: certificates.caFile,
    adminUrl: `https://127.0.0.1:${port}/_emulator`,
    world,
    faults,
    counters,
    sessions,
    close: async () => {
      await notifications.close()
      await server.close()
      await sessions.close()
      spool.close()
    },
  }
}

/** The shape that b2bmount reads: hosts of the cloud, and where to connect to instead. */
function cloud(port: number, caFile: string) {
  return {
    name: 'emulator',
    loginHost: 'login.microsoftonline.com',
    graphHost: 'graph.microsoft.com',
    sharePointSuffix: '.sharepoint.com',
    clientId: B2BMOUNT_CLIENT_ID,
    connectTo: { address: '127.0.0.1', port },
    caFile,
  }
}

function hostsOf(world: World): string[] {
  return [
    'login.microsoftonline.com',
    'login.windows.net',
    'graph.microsoft.com',
    'microsoft.com',
    'www.microsoft.com',
    'localhost',
    MEDIA_HOST,
    NOTIFICATION_HOST,
    INVITATION_HOST,
    ...world.tenants.flatMap(tenant => [tenant.sharePointHost, tenant.oneDriveHost]),
  ]
}
