import type { Answer } from './answer.js'

/**
 * A request that found its handler. It is named and its subject known before it runs, so that
 * counters and fault rules can see it first.
 */
export interface Route {
  /** For example `children`; the list is in docs/EMULATOR.md. */
  readonly name: string
  readonly drive?: string
  readonly item?: string
  run(): Promise<Answer> | Answer
}

/** A request that the service would answer and the emulator does not. */
export function notEmulated(what: string): Route {
  return {
    name: 'not-emulated',
    run: () => ({
      status: 501,
      headers: {},
      body: {
        kind: 'text',
        type: 'application/json; charset=utf-8',
        text: JSON.stringify({
          error: { code: 'notImplemented', message: `The emulator does not emulate: ${what}` },
        }),
      },
    }),
  }
}
