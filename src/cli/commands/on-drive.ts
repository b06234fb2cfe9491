import { resolve } from 'node:path'
import type { AnswerOf } from '../../control/protocol.js'
import type { Session } from '../session.js'

/** Asks about paths of the drive, one after the other, in the order in which they were given. */
export async function askAboutEach<Name extends 'pin' | 'unpin' | 'free-up'>(
  session: Session,
  command: Name,
  paths: readonly string[],
): Promise<AnswerOf<Name>[]> {
  const answers: AnswerOf<Name>[] = []
  for (const path of paths) answers.push(await session.askAbout(command, resolve(path), at => ({ path: at })))
  return answers
}
