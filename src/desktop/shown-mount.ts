import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Whether GTK's file managers and file choosers show a mount by themselves, with a button that unmounts it: a bookmark
 * beside it would be the same drive twice.
 *
 * The rule is GIO's (`g_unix_mount_guess_should_display`, GLib 2.74): below the home directory, as `HOME` spells it, or
 * where removable disks are, and nowhere with a directory in its path that is hidden.
 *
 * @param mountPoint as the kernel has it, without symbolic links
 */
export function isShownMount(mountPoint: string, home: string): boolean {
  if (mountPoint.includes('/.')) return false
  return [`${home}/`, '/media/', '/run/media/'].some(place => mountPoint.startsWith(place))
}

/** As the kernel is going to call it, also while it does not exist. */
export async function mountPointOf(directory: string): Promise<string> {
  try {
    return await realpath(directory)
  } catch {
    const parent = dirname(directory)
    return parent === directory ? directory : join(await mountPointOf(parent), basename(directory))
  }
}
