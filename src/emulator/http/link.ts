import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** The way between the emulator and its clients. */
export interface LinkShape {
  /** Added to every answer, before its first byte. */
  readonly latencyMilliseconds: number
  /** Bytes a second on one connection; 0 = as fast as it goes. */
  readonly bytesPerSecond: number
  /** `content`: downloads only. */
  readonly applyTo: 'all' | 'content'
}

export const UNSHAPED: LinkShape = { latencyMilliseconds: 0, bytesPerSecond: 0, applyTo: 'all' }

/** How much may be sent at once on a slow connection: small enough to look like a stream. */
const BURST_SECONDS = 0.02

/**
 * Paces what is sent on each connection. Real time, not the world's: a frozen world still has a link.
 */
export class Pacer {
  /** Per connection: when the line is free again, in milliseconds of `performance.now()`. */
  readonly #freeAt = new WeakMap<Socket, number>()

  /** The largest piece to send before asking again. */
  pieceSize(bytesPerSecond: number, largest: number): number {
    if (bytesPerSecond <= 0) return largest
    return Math.max(1024, Math.min(largest, Math.floor(bytesPerSecond * BURST_SECONDS)))
  }

  /** Waits until `bytes` more may leave on this connection. */
  async pace(socket: Socket, bytes: number, bytesPerSecond: number): Promise<void> {
    if (bytesPerSecond <= 0) return
    const now = performance.now()
    const free = this.#freeAt.get(socket) ?? 0
    // A timer that fires late must not slow the line down for good; an idle line saves nothing up.
    const start = now - free < BURST_SECONDS * 1000 ? free : now
    const end = start + (bytes / bytesPerSecond) * 1000
    this.#freeAt.set(socket, end)
    if (end - now >= 1) await setTimeout(end - now)
  }
}

export async function delay(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await setTimeout(milliseconds)
}
