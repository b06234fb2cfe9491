/**
 * The process that serves a mount in the tests, so that the test runner can neither hang nor crash with it.
 * Speaks over Node's IPC channel: `Call` in, `FromChild` out. Ends, and unmounts, when the runner has gone.
 */
import type { Request, SessionOptions } from '../../native/index.js'
import { loadNativeAddon } from '../../src/transport/native-addon.js'
import { MemoryDrive } from './memory-drive.js'

export interface Call {
  readonly sequence: number
  readonly on: 'process' | 'drive' | 'session'
  readonly method: string
  readonly args: readonly unknown[]
}

export type FromChild =
  | { readonly kind: 'answer'; readonly sequence: number; readonly value?: unknown }
  | { readonly kind: 'failure'; readonly sequence: number; readonly code?: string; readonly message: string }
  | { readonly kind: 'event'; readonly event: Request }
  | { readonly kind: 'uncaught'; readonly message: string }

const send = (message: FromChild): void => {
  process.send?.(message)
}
let drive: MemoryDrive | undefined

const ownMethods: Record<string, (...args: never[]) => unknown> = {
  mount(options: SessionOptions) {
    drive = new MemoryDrive(loadNativeAddon(), options, event => send({ kind: 'event', event }))
    return drive.session.protocol
  },
  exit(code: number) {
    process.exit(code)
  },
}

function targetOf(on: Call['on']): unknown {
  if (on === 'process') return ownMethods
  return on === 'drive' ? drive : drive?.session
}

async function perform(call: Call): Promise<void> {
  const { sequence } = call
  try {
    const target = targetOf(call.on) as Record<string, (...args: readonly unknown[]) => unknown>
    const method = target[call.method]
    if (!method) throw new Error(`no method ${call.method}`)
    send({ kind: 'answer', sequence, value: await method.apply(target, [...call.args]) })
  } catch (failure) {
    const { code, message, name } = failure as NodeJS.ErrnoException
    send({ kind: 'failure', sequence, message, code: code ?? name })
  }
}

process.on('message', (call: Call) => void perform(call))
// What a handler of the session throws ends up here.
process.on('uncaughtException', failure => send({ kind: 'uncaught', message: failure.message }))
process.on('disconnect', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))
