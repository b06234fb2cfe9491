/**
 * The emulator's time. Tokens, download URLs, codes and links expire by it.
 * It follows the machine's time until somebody sets or freezes it over the admin address.
 */
export class WorldClock {
  #offset = 0
  #frozenAt: number | undefined

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#frozenAt ?? Date.now() + this.#offset
  }

  get frozen(): boolean {
    return this.#frozenAt !== undefined
  }

  set(now: number): void {
    this.#offset = now - Date.now()
    if (this.#frozenAt !== undefined) this.#frozenAt = now
  }

  advance(milliseconds: number): void {
    this.set(this.now() + milliseconds)
  }

  freeze(frozen: boolean): void {
    const now = this.now()
    this.#frozenAt = frozen ? now : undefined
    this.set(now)
  }
}

/** `2026-01-01T00:00:00Z`: whole seconds, the one form that every client parses. */
export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19) + 'Z'
}
