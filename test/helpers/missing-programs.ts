import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** For tap's `skip`: which of these programs are not installed, or `false`. */
export function missingPrograms(...programs: readonly string[]): string | false {
  const folders = (process.env['PATH'] ?? '').split(':')
  const missing = programs.filter(program => !folders.some(folder => existsSync(join(folder, program))))
  return missing.length > 0 && `not installed: ${missing.join(', ')}`
}
