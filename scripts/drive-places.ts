import { join, relative, sep } from 'node:path'
import type { LibraryStatus } from '../src/control/answers.js'
import type { DemoDrive } from './demo-drive.js'

interface World {
  readonly tenants: readonly {
    readonly sites: readonly {
      readonly libraries: readonly { readonly driveId: string; readonly webUrl: string }[]
    }[]
  }[]
}

/** Where the drive's folders and files are at the emulator, by its own account of the world. */
export interface DrivePlaces {
  /** Directory of a library. */
  rootOf(library: LibraryStatus): string
  /** Query of the emulator's `/bytes` and `/sha256`, for a file of the library. @param path of this machine */
  queryOf(library: LibraryStatus, path: string): string
}

export async function drivePlaces({ directory, sandbox }: DemoDrive): Promise<DrivePlaces> {
  const { tenants } = await sandbox.admin<World>('GET', '/world')
  const libraries = tenants.flatMap(({ sites }) => sites.flatMap(site => site.libraries))
  const urls = new Map(libraries.map(({ driveId, webUrl }) => [driveId, webUrl]))
  const rootOf = ({ organization, name }: LibraryStatus) => join(directory, organization, name)
  return {
    rootOf,
    queryOf: (library, path) => {
      const { drive } = library.root
      const top =
        library.scope === 'library'
          ? ''
          : decodeURIComponent(library.webUrl.slice((urls.get(drive) ?? '').length + 1))
      const names = [top, ...relative(rootOf(library), path).split(sep)].filter(name => name !== '')
      return new URLSearchParams({ drive, path: names.join('/') }).toString()
    },
  }
}
