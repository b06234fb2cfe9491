import { Fault } from './fault.js'
import type { ItemKey, LibraryId, Milliseconds } from './ids.js'

/** Of OneDrive's scopes, the two that can be synced; single files cannot. */
export type LibraryScope = 'library' | 'folder'

/** What the service lets us do, as far as it is known. */
export type LibraryAccess = 'read' | 'write' | 'unknown'

/** One library, or one shared folder of a library, of another organization. */
export interface Library {
  readonly id: LibraryId
  /** The item that is mounted: the root of the drive, or the shared folder. */
  readonly root: ItemKey
  readonly scope: LibraryScope
  /** Display name of the resource tenant: the first level of the mounted drive. */
  readonly organization: string
  /** `Site - Library` or `Site - Library - Folder`: the second level. */
  readonly name: string
  readonly webUrl: string
  /** SharePoint host, for example `contoso.sharepoint.com`. */
  readonly host: string
  readonly access: LibraryAccess
}

export interface NewLibrary extends Omit<Library, 'id'> {
  /** Of its root, where the service has said them: nobody who has looked at it is to see it change for no reason. */
  readonly times?: { readonly modified: Milliseconds; readonly created: Milliseconds }
}

/** What is said of everything in a library that is no longer shared with us. */
export function accessRemoved(
  { organization, name }: Pick<Library, 'organization' | 'name'>,
  cause?: Fault,
): Fault {
  return new Fault('access-removed', `${organization} no longer shares ${name} with you`, {
    nextStep: 'What is local stays readable. Ask the person who shared it, or run: b2bmount remove',
    ...(cause === undefined ? {} : { cause }),
  })
}
