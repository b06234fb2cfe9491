import type { Milliseconds } from '../model/ids.js'
import { loadNativeAddon, type NativeAddon } from '../transport/native-addon.js'

/** From a signal, or the decision to end, to the end of the process. */
const LIMIT: Milliseconds = 4_800

type EndOfProcess = Pick<NativeAddon, 'limitEnding' | 'beginEnding' | 'exitNow'>

/** Requests for Node's thread pool, by `process.getActiveResourcesInfo`. */
const OF_THE_POOL = /^(FSReq|GetAddrInfo|GetNameInfo|Work)/

/** From a signal that JavaScript handles, {@link beginEnding} or {@link endProcess} on, this process lives some 5 seconds at most. */
export function limitEnding(): void {
  native()?.limitEnding(LIMIT)
}

export function beginEnding(): void {
  native()?.beginEnding()
}

/**
 * Ends the process now. Everything that has to be in order is: process.exit() would wait for the thread pool, of which a
 * thread may be asking a disk or a name server that does not answer.
 */
export function endProcess(code: number): never {
  native()?.exitNow(code)
  if (process.getActiveResourcesInfo().some(name => OF_THE_POOL.test(name)))
    process.kill(process.pid, 'SIGKILL')
  process.exit(code)
}

/** On Linux, where it could be built. */
function native(): EndOfProcess | undefined {
  try {
    const addon: Partial<EndOfProcess> = loadNativeAddon()
    return addon.exitNow === undefined ? undefined : (addon as EndOfProcess)
  } catch {
    return undefined
  }
}
