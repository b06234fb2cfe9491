import { Fault } from '../model/fault.js'

/** A program and its arguments, as another program's file wants to have them. */
export type Command = readonly string[]

/**
 * For `Exec=` of a desktop entry. What follows, `%f` and the like, is the caller's.
 * @see https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html
 */
export function desktopExec(command: Command): string {
  return words(command, word => {
    const quoted = /^[\w@+=:,./-]+$/.test(word) ? word : `"${word.replace(/["`$\\]/g, '\\$&')}"`
    // Twice: the value is a string, in which a backslash escapes, and then a command line.
    return quoted.replaceAll('\\', '\\\\').replaceAll('%', '%%')
  })
}

/** For `ExecStart=` of a unit. @see systemd.service(5), "Command lines" */
export function systemdExec(command: Command): string {
  return words(command, word => {
    const quoted = /^[\w@+=:,./-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`
    return quoted.replaceAll('%', '%%').replaceAll('$', '$$$$')
  })
}

/** For `Environment=` of a unit, where a dollar sign is one. @see systemd.exec(5) */
export function systemdAssignment(name: string, value: string): string {
  return `"${checked(`${name}=${value}`).replace(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`
}

function words(command: Command, quote: (word: string) => string): string {
  return command.map(word => quote(checked(word))).join(' ')
}

/** No format has room for a newline in a word. @throws {Fault} `configuration-invalid` */
function checked(word: string): string {
  if (/\p{Cc}/u.test(word)) {
    throw new Fault(
      'configuration-invalid',
      `A path has a control character in it: ${JSON.stringify(word)}`,
      {
        nextStep: 'Move the program, or the drive, to another directory.',
      },
    )
  }
  return word
}
