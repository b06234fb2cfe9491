export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/**
 * `error`: data at risk, or the daemon stops. `warn`: something that a user asked for failed.
 * `info`: state changes. `debug`: requests.
 *
 * Values that look like secrets are redacted before they are written; an `Error` among the fields keeps its stack.
 *
 * @param event what happened, in kebab case: `library-added`
 */
export interface Log {
  error(event: string, fields?: Readonly<Record<string, unknown>>): void
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void
  info(event: string, fields?: Readonly<Record<string, unknown>>): void
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void
}
