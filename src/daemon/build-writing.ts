import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../concurrency/clock.js'
import { Pace } from '../concurrency/pace.js'
import { DirtyFiles } from '../dirty/dirty-files.js'
import { NativeDirtyFile } from '../dirty/native-dirty-file.js'
import { PlainDirtyFile } from '../dirty/plain-dirty-file.js'
import { LocalWriter } from '../fs/local-writer.js'
import { recoverUnsent } from '../fs/recover-unsent.js'
import { GraphWriter, type GraphWriterDeps } from '../graph/writes.js'
import { BaseContents } from '../hydration/base-contents.js'
import type { ContentCache } from '../hydration/content-cache.js'
import type { FingerprintFile } from '../hydration/fingerprint.js'
import type { Hydrator } from '../hydration/hydrator.js'
import { TIRED_AFTER } from '../model/attempts.js'
import type { Bytes, Ino, ItemId, LibraryId, Milliseconds } from '../model/ids.js'
import type { RemoteFolder } from '../model/remote.js'
import type { Hindrance } from '../store/owed-table.js'
import type { Store } from '../store/store.js'
import type { NativeAddon } from '../transport/native-addon.js'
import { GuardedWriter, type WriteGuards } from '../uploads/guarded-writer.js'
import { hindranceOf } from '../uploads/hindrance.js'
import { Uploader } from '../uploads/uploader.js'
import type { Log } from './log.js'

export interface WritingDeps {
  readonly store: Store
  readonly cache: ContentCache
  readonly hydrator: Hydrator
  readonly clock: Clock
  readonly log: Log
  readonly stateDirectory: string
  /** Absent: changed bytes go through JavaScript. */
  readonly addon: NativeAddon | undefined
  readonly fingerprintFile: FingerprintFile
  readonly hashBytes: (bytes: Uint8Array) => string
  readonly folders: RemoteFolder
  readonly graph: GraphWriterDeps
  readonly guards: Omit<WriteGuards, 'pace'>
  /** Bytes a second that an administrator allows. */
  readonly uploadRate: () => Bytes | undefined
  readonly massDeletion: number | undefined
  readonly onDenied: (library: LibraryId) => void
  /** Names that an administrator lets nobody send. */
  readonly neverUploaded: () => readonly string[]
}

// What a person still wants to know of.
const MOST_CONFLICTS = 20

/** Both sides had changed a file. */
export interface RecentConflict {
  readonly at: Milliseconds
  /** Of the copy with what was written here. */
  readonly ino: Ino
  /** Of the file, which has what the other side wrote. */
  readonly name: string
}

/** What was deleted here, and is here again. */
export interface RecentGivenBack {
  readonly at: Milliseconds
  readonly library: LibraryId
  readonly remoteId: ItemId
  /** From the root of the drive. */
  readonly path: readonly string[]
  readonly problem: Hindrance
}

export interface WritingParts {
  readonly writer: LocalWriter
  readonly uploads: Uploader
  /** Of this run; the latest last. */
  readonly conflicts: readonly RecentConflict[]
  /** Of this run; the latest last. */
  readonly givenBack: readonly RecentGivenBack[]
}

/**
 * What changes the drive and what sends the changes; what was not sent before is found again.
 * @throws {Fault} `local-io`, `disk-full`
 */
export function buildWriting(deps: WritingDeps): WritingParts {
  const { store, cache, hydrator, clock, log, stateDirectory, massDeletion } = deps
  const onTrouble = (event: string, failure: unknown) => log.warn(event, { failure })
  const dirty = new DirtyFiles({
    directory: join(stateDirectory, 'unsent'),
    boot: bootId(),
    make: state =>
      deps.addon === undefined ? new PlainDirtyFile(state, clock) : new NativeDirtyFile(deps.addon, state),
  })
  recoverUnsent({
    store,
    dirty,
    cachePath: (ino, generation) => cache.pathOf(ino, generation),
    asideDirectory: join(stateDirectory, 'unsent-aside'),
    now: clock.now(),
    onTrouble,
  })
  const conflicts: RecentConflict[] = []
  const givenBack: RecentGivenBack[] = []
  const writer = new LocalWriter({
    store,
    dirty,
    clock,
    owner: owner(),
    neverUploaded: deps.neverUploaded,
    onTrouble,
  })
  const uploads = new Uploader({
    store,
    dirty,
    base: new BaseContents(hydrator),
    fingerprintFile: deps.fingerprintFile,
    hashBytes: deps.hashBytes,
    writer: new GuardedWriter(new GraphWriter(deps.graph), {
      ...deps.guards,
      pace: new Pace(clock, deps.uploadRate),
    }),
    folders: deps.folders,
    clock,
    random: () => Math.random(),
    hostName: hostname(),
    cachePath: (ino, generation) => cache.pathOf(ino, generation),
    ...(massDeletion === undefined ? {} : { massDeletion }),
    onConflict: ({ ino, name, copy }) => {
      log.warn('conflict', { ino, name, copy })
      conflicts.push({ at: clock.now(), ino, name })
      if (conflicts.length > MOST_CONFLICTS) conflicts.shift()
    },
    onGivenBack: ({ fault, ...given }) => {
      givenBack.push({ ...given, at: clock.now(), problem: hindranceOf(fault, TIRED_AFTER) })
      if (givenBack.length > MOST_CONFLICTS) givenBack.shift()
    },
    onDenied: deps.onDenied,
    onTrouble,
  })
  writer.tells(uploads)
  return {
    writer,
    uploads,
    conflicts,
    givenBack,
  }
}

function owner() {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
}

/** Tells this run of the machine from others; where it cannot be told, nothing unsynced is trusted after a restart. */
function bootId(): bigint {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    return BigInt(`0x${id.replaceAll('-', '').slice(0, 15)}`)
  } catch {
    return BigInt(Date.now())
  }
}
