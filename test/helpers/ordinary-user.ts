import type { Test } from 'tap'

/** Root may do everything; until the end of the test it may not. */
export function becomeOrdinaryUser(test: Pick<Test, 'teardown'>): void {
  if (process.getuid?.() !== 0) return
  process.seteuid?.(65534)
  test.teardown(() => process.seteuid?.(0))
}
