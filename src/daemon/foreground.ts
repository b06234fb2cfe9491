import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ForegroundModule } from '../control/foreground.js'
import { runDaemonProcess } from './daemon-process.js'
import { toMount } from './daemon-services.js'
import type { Log } from './log.js'
import { openServices } from './services.js'

export const mountInForeground: ForegroundModule['mountInForeground'] = ({ onMounted, ...options }) =>
  runDaemonProcess({
    ...options,
    openServices,
    onReady: (mount, log) => {
      if (mount !== undefined) onMounted(toMount(mount))
      void tellSystemd(log)
    },
  })

/** For units of Type=notify. Never rejects. @see systemd-notify(1) */
async function tellSystemd(log: Log): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return
  try {
    await promisify(execFile)('systemd-notify', ['--ready'], { timeout: 5_000, killSignal: 'SIGKILL' })
  } catch (failure) {
    log.warn('systemd-not-told', { failure })
  }
}
