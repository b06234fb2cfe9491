import { resolve } from 'node:path'
import type { Mount } from '../control/answers.js'
import type { CommandHandlers } from '../control/control-server.js'
import { isFault } from '../model/fault.js'
import type { Milliseconds } from '../model/ids.js'
import { toMount, type DaemonServices } from './daemon-services.js'
import type { MountPoints } from './mount-point.js'

export interface CommandHandlerDeps {
  readonly services: DaemonServices
  readonly mountPoints: MountPoints
  readonly about: {
    readonly version: string
    readonly pid: number
    readonly cloud: string
    readonly started: Milliseconds
  }
  /** Ends the daemon soon after it returns. */
  readonly stop: () => void
}

/** What each command of the control socket does. */
export function commandHandlers({ services, mountPoints, about, stop }: CommandHandlerDeps): CommandHandlers {
  return {
    'sign-in': (request, conversation, signal) => services.signIn(request, conversation, signal),
    'sign-out': (_, __, signal) => services.signOut(signal),
    whoami: () => services.whoAmI(),
    add: (request, conversation, signal) => services.addLibrary(request, conversation, signal),
    'link-host': request => services.linkHost(request),
    list: () => services.listLibraries(),
    remove: (request, _, signal) => services.removeLibrary(request, signal),
    deletions: (request, _, signal) => services.decideDeletions(request, signal),
    mount: async ({ directory: wanted, ...how }, _, signal) =>
      toMount(await mountPoints.mount(wanted, directory => services.mount({ ...how, directory }, signal))),
    unmount: request => unmount(services, mountPoints, request),
    status: async () => ({ ...about, ...(await services.status()) }),
    'item-status': request => services.itemStatus(request),
    find: (request, _, signal) => services.find(request, signal),
    hydrations: () => services.hydrations(),
    pin: (request, conversation, signal) => services.pin(request, conversation, signal),
    unpin: request => services.unpin(request),
    'free-up': (request, _, signal) => services.freeUp(request, signal),
    sync: (request, conversation, signal) => services.sync(request, conversation, signal),
    export: (request, conversation, signal) => services.exportUnsent(request, conversation, signal),
    thumbnail: (request, _, signal) => services.thumbnail(request, signal),
    'thumbnails-status': () => services.thumbnailsStatus(),
    'thumbnails-clear': () => services.clearThumbnails(),
    doctor: (_, conversation, signal) => services.doctorChecks(conversation, signal),
    stop: () => {
      stop()
      return Promise.resolve({})
    },
  }
}

async function unmount(
  services: DaemonServices,
  mountPoints: MountPoints,
  request: { readonly directory?: string },
): Promise<readonly Mount[]> {
  try {
    return await services.unmount(request)
  } catch (failure) {
    const { directory } = request
    if (directory === undefined || !isFault(failure, 'not-mounted')) throw failure
    // Not ours, but it may be what an earlier daemon left behind.
    if (!(await mountPoints.detachIfDead(directory))) throw failure
    return [{ directory: resolve(directory), since: 0, transport: undefined }]
  }
}
