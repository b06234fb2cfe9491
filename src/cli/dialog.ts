import { execFile } from 'node:child_process'
import { EXIT } from './exit-code.js'
import type { Session } from './session.js'

const NOBODY_ANSWERS_MILLISECONDS = 5 * 60_000

/** Programs of desktops that ask a question: GNOME's and most others', KDE's. They end with 0 for yes. */
const PROGRAMS: readonly (readonly [program: string, words: (question: Question) => readonly string[]])[] = [
  [
    'zenity',
    ({ text, yes }) => [
      '--question',
      '--title=B2B drive',
      '--no-markup',
      '--default-cancel',
      `--ok-label=${yes}`,
      '--cancel-label=Cancel',
      `--text=${text}`,
    ],
  ],
  [
    'kdialog',
    ({ text, yes }) => ['--title', 'B2B drive', '--continue-label', yes, '--warningcontinuecancel', text],
  ],
]

export interface Question {
  readonly text: string
  readonly yes: string
}

/** Asks in a window. No answer is a no. @returns `undefined` where no program can ask */
export async function askInDialog(session: Session, question: Question): Promise<boolean | undefined> {
  for (const [program, words] of PROGRAMS) {
    const answer = await run(session, program, words(question))
    if (answer !== undefined) return answer
  }
  return undefined
}

function run(session: Session, program: string, words: readonly string[]): Promise<boolean | undefined> {
  const { environment: env, signal } = session
  return new Promise((resolve, reject) => {
    const options = { env, signal, timeout: NOBODY_ANSWERS_MILLISECONDS }
    execFile(program, words, options, failure => {
      if (signal.aborted) reject(signal.reason as Error)
      else resolve(failure?.code === 'ENOENT' ? undefined : (failure?.code ?? EXIT.ok) === EXIT.ok)
    })
  })
}
