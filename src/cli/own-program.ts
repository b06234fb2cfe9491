import { fileURLToPath } from 'node:url'
import type { Session } from './session.js'

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

/**
 * What another program must run to be `b2bmount` of this drive. By absolute paths: a desktop session and systemd have
 * another PATH than the terminal in which Node.js was chosen.
 */
export async function ownProgram(session: Session): Promise<readonly string[]> {
  const cloud = await session.cloudOption()
  return [process.execPath, MAIN, ...(cloud === undefined ? [] : ['--cloud', cloud])]
}
