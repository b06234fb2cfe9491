import type { ForegroundModule } from '../control/foreground.js'
import { runDaemonProcess } from './daemon-process.js'
import { toMount } from './daemon-services.js'
import type { Log } from './log.js'
import { endProcess } from './process-end.js'
import { runProgram } from './run-program.js'
import { openServices } from './services.js'

export const mountInForeground: ForegroundModule['mountInForeground'] = async ({ onMounted, ...options }) => {
  await runDaemonProcess({
    ...options,
    openServices,
    onReady: (mount, log) => {
      if (mount !== undefined) onMounted(toMount(mount))
      void tellSystemd(log)
    },
  })
  endProcess(Number(process.exitCode ?? 0))
}

/** For units of Type=notify. Never rejects. @see systemd-notify(1) */
async function tellSystemd(log: Log): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return
  try {
    const code = await runProgram('systemd-notify', ['--ready'], 5_000)
    if (code !== 0) log.warn('systemd-not-told', { code })
  } catch (failure) {
    log.warn('systemd-not-told', { failure })
  }
}
