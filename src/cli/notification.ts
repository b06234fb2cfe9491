import { spawn } from 'node:child_process'
import { sentence } from './format.js'
import { printable } from './printable.js'
import type { Session } from './session.js'

export interface Notification {
  readonly message: string
  readonly nextStep?: string | undefined
}

/**
 * For who has clicked on something and sees no terminal. Prints nothing, also where there is no notify-send: what a
 * command has to say on the terminal its caller prints once, whether or not anybody was notified.
 */
export function notify(session: Session, { message, nextStep }: Notification): void {
  const words = ['--app-name=B2B drive', '--icon=b2bmount', '--', 'B2B drive', body(message, nextStep)]
  const child = spawn('notify-send', words, { detached: true, env: session.environment, stdio: 'ignore' })
  child.on('error', () => undefined)
  child.unref()
}

/** The text of a notification may hold markup, and names come from other organizations. */
function body(message: string, nextStep: string | undefined): string {
  const text = nextStep === undefined ? sentence(message) : `${sentence(message)} ${nextStep}`
  return printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
