import { readdir, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Removes what Python has compiled from a source of ours: `__pycache__/NAME.TAG.pyc` beside it, one for each Python that
 * has loaded it, and the directory if nothing else is in it. Never throws.
 * @see https://peps.python.org/pep-3147/
 */
export async function removeBytecode(source: string): Promise<void> {
  if (!source.endsWith('.py')) return
  const directory = join(dirname(source), '__pycache__')
  const stem = basename(source, '.py')
  const names = await readdir(directory).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(`${stem}.`) || !name.endsWith('.pyc')) continue
    await rm(join(directory, name)).catch(() => undefined)
  }
  // One with something of others in it stays.
  await rmdir(directory).catch(() => undefined)
}
