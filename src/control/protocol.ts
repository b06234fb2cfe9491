import type { Bytes, Milliseconds } from '../model/ids.js'
import type { Library } from '../model/library.js'
import type { TransportName } from '../model/transport-name.js'
import type {
  Account,
  AddedLibrary,
  Check,
  DaemonStatus,
  DeletionsReport,
  ExportReport,
  FoundItems,
  FreeUpReport,
  HydrationReport,
  ItemStatus,
  LibraryStatus,
  LinkHost,
  Mount,
  PinReport,
  Problem,
  Progress,
  Prompt,
  UnpinReport,
  UnsentReport,
  ThumbnailAnswer,
  ThumbnailsAnswer,
  ThumbnailTotals,
} from './answers.js'

/**
 * Between `b2bmount` and its daemon: one JSON object a line, over a Unix socket that only its owner can reach.
 *
 *   daemon: hello                                       as soon as a client connects
 *   client: request id ────▶ daemon: (progress | prompt)* (answer | failure), all with that id
 *   client: cancel id                                    optional; closing the socket cancels everything
 *
 * Raised whenever an old client and a new daemon would misunderstand each other.
 */
export const PROTOCOL_VERSION = 1

/** What a user can ask. `arguments` and `answer` are plain JSON. */
export interface Commands {
  'sign-in': { arguments: { deviceCode: boolean; organization?: string }; answer: Account }
  'sign-out': { arguments: Nothing; answer: Account }
  whoami: { arguments: Nothing; answer: Account }
  add: { arguments: { address: string }; answer: AddedLibrary }
  /** Of an `odopen://sync` address: asks nobody. */
  'link-host': { arguments: { address: string }; answer: LinkHost }
  list: { arguments: Nothing; answer: readonly LibraryStatus[] }
  /** `anyway`: also what was changed there and not sent is deleted. */
  remove: { arguments: { library: string; anyway: boolean }; answer: Library }
  /** `path`: absolute, in case it is a single deletion that is meant. */
  deletions: {
    arguments: { library: string; path?: string; decision: 'accept' | 'reject' }
    answer: DeletionsReport
  }
  mount: { arguments: { directory: string; transport?: TransportName }; answer: Mount }
  unmount: { arguments: { directory?: string }; answer: readonly Mount[] }
  status: { arguments: Nothing; answer: DaemonStatus }
  'item-status': { arguments: { path: string }; answer: ItemStatus }
  find: { arguments: { words: string; limit: number }; answer: FoundItems }
  hydrations: { arguments: Nothing; answer: HydrationReport }
  pin: { arguments: { path: string }; answer: PinReport }
  unpin: { arguments: { path: string }; answer: UnpinReport }
  'free-up': { arguments: { path: string }; answer: FreeUpReport }
  /** Sends what was changed here now; `wait`: until nothing is left that can be sent. The answer says what is left. */
  sync: { arguments: { wait: boolean }; answer: UnsentReport }
  /** Copies what has not been sent into a directory: absolute, made if it is missing. */
  export: { arguments: { directory: string }; answer: ExportReport }
  /** `size` in pixels. `previews`: a few ranges of the file may be read for a preview that is in it. */
  thumbnail: { arguments: { path: string; size: number; previews: boolean }; answer: ThumbnailAnswer }
  'thumbnails-status': { arguments: Nothing; answer: ThumbnailsAnswer }
  'thumbnails-clear': { arguments: Nothing; answer: ThumbnailTotals }
  doctor: { arguments: Nothing; answer: readonly Check[] }
  /** Unmounts, and ends the daemon after the answer. */
  stop: { arguments: Nothing; answer: Nothing }
}

/** What one search may ask for: a longer list is for programs that list folders. */
export const MOST_FOUND = 1_000

/** As many as a person reads, and a program's first page. */
export const MOST_UNSENT = 1_000

export type Nothing = Readonly<Record<string, never>>
export type CommandName = keyof Commands
export type ArgumentsOf<Name extends CommandName> = Commands[Name]['arguments']
export type AnswerOf<Name extends CommandName> = Commands[Name]['answer']

/** The first line from the daemon. This shape never changes: other versions must be able to read it. */
export interface Hello {
  readonly type: 'hello'
  readonly protocol: number
  readonly version: string
  readonly pid: number
}

export type ClientMessage =
  | { readonly type: 'request'; readonly id: number; readonly command: string; readonly arguments: unknown }
  | { readonly type: 'cancel'; readonly id: number }

export type DaemonMessage =
  | Hello
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'prompt'; readonly id: number; readonly prompt: Prompt }
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly problem: Problem }

/** Longest line a client may send: an address is at most a few kilobytes. */
export const LONGEST_REQUEST: Bytes = 64 * 1024
/** Longest line a daemon may send: the status of some ten thousand libraries. */
export const LONGEST_ANSWER: Bytes = 16 * 1024 * 1024

const SECOND: Milliseconds = 1000
const MINUTE: Milliseconds = 60 * SECOND
const DAY: Milliseconds = 24 * 60 * MINUTE

/** How long the daemon may take. Entra's device codes live 15 minutes; the others wait for machines only. */
export const COMMAND_DEADLINE: Readonly<Record<CommandName, Milliseconds>> = {
  'sign-in': 16 * MINUTE,
  'sign-out': 30 * SECOND,
  whoami: 10 * SECOND,
  add: 16 * MINUTE,
  'link-host': 10 * SECOND,
  list: 10 * SECOND,
  remove: MINUTE,
  deletions: MINUTE,
  mount: MINUTE,
  unmount: MINUTE,
  status: 10 * SECOND,
  'item-status': 10 * SECOND,
  find: 10 * SECOND,
  hydrations: 10 * SECOND,
  pin: DAY,
  unpin: MINUTE,
  'free-up': 60 * MINUTE,
  sync: DAY,
  export: 60 * MINUTE,
  thumbnail: 2 * MINUTE,
  'thumbnails-status': 10 * SECOND,
  'thumbnails-clear': MINUTE,
  doctor: 2 * MINUTE,
  stop: 30 * SECOND,
}

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMAND_DEADLINE, name)
}
