import { spawn } from 'node:child_process'
import type { Environment } from '../control/paths.js'

/**
 * Opens `url` with $BROWSER (a shell command, which gets the address as its last argument), else with the desktop's
 * browser. Never waits for it.
 *
 * @returns whether one was started; it may still fail, so the address is always printed too
 */
export function openBrowser(url: string, environment: Environment): boolean {
  if (!/^https?:\/\//.test(url)) return false
  const command = browserCommand(environment)
  if (command === undefined) return false
  // The address is an argument of the shell, not a part of its program.
  const child = spawn('/bin/sh', ['-c', `${command} "$1"`, 'b2bmount', url], {
    detached: true,
    env: environment,
    stdio: 'ignore',
  })
  child.on('error', () => {})
  child.unref()
  return true
}

function browserCommand(environment: Environment): string | undefined {
  const { BROWSER, DISPLAY, WAYLAND_DISPLAY } = environment
  if (BROWSER !== undefined && BROWSER !== '') return BROWSER
  if (process.platform === 'darwin') return 'open'
  // Without a display, xdg-open would start a text browser over this very terminal.
  return (DISPLAY ?? '') === '' && (WAYLAND_DISPLAY ?? '') === '' ? undefined : 'xdg-open'
}
