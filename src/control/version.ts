import { readFileSync } from 'node:fs'

/** Of this program, from its package.json. */
export function productVersion(): string {
  // dist/src/control/version.js -> package.json
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
