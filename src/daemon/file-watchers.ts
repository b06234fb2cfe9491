import { chmod } from 'node:fs/promises'
import { FILE_PERMISSIONS } from '../fs/attributes.js'

/**
 * Makes programs that watch the folder of a file (inotify) look at the file once more. The kernel tells them what
 * programs do on a mount and nothing that its file system does by itself; so we do something there that changes nothing: we give the
 * file the mode that it has.
 *
 * @param path of a file, below the mount point
 */
export async function tellWatchers(path: string): Promise<void> {
  try {
    await chmod(path, FILE_PERMISSIONS)
  } catch {
    // It is not there any more, or not mounted, or mounted by fuse-native, where the kernel refuses it: nobody is told.
  }
}
