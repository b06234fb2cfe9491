import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Parser, type Result } from 'tap-parser'

export interface TestCounts {
  readonly passed: number
  readonly failed: readonly string[]
  /** Name and reason. */
  readonly skipped: readonly string[]
}

/**
 * Counts the tests of a raw TAP stream: each `t.test()` that holds no other one is a test, and so is a file
 * without any. Whatever is not ok anywhere else (an assertion between tests, a file that crashed or ran out of
 * time) counts as failed, once.
 */
export async function countTests(tap: Readable): Promise<TestCounts> {
  const counts = { passed: 0, failed: [] as string[], skipped: [] as string[] }
  const root = new Parser()
  watch(root, counts)
  await pipeline(tap, root)
  const isComplete = root.ok && counts.passed + counts.skipped.length > 0
  if (!isComplete && counts.failed.length === 0) counts.failed.push('the test run itself')
  return counts
}

interface Counting {
  passed: number
  readonly failed: string[]
  readonly skipped: string[]
}

/** @returns the running count of tests inside */
function watch(parser: Parser, counts: Counting): { readonly hasTests: () => boolean } {
  let children = 0
  let last: { readonly hasTests: () => boolean; readonly failedBefore: number } | undefined
  parser.on('child', (child: Parser) => {
    children++
    last = { ...watch(child, counts), failedBefore: counts.failed.length }
  })
  parser.on('assert', (result: Result) => {
    const name = result.fullname
    const closed = result.closingTestPoint ? last : undefined
    last = undefined
    const reason = result.skip !== false ? result.skip : result.todo
    if (reason !== false) counts.skipped.push(reason === true ? name : `${name}: ${reason}`)
    else if (closed === undefined) {
      // An assertion: it is the test around it that counts, unless that one holds other tests.
      if (!result.ok && children > 0) counts.failed.push(name)
    } else if (!closed.hasTests()) {
      if (result.ok) counts.passed++
      else counts.failed.push(name)
    } else if (!result.ok && counts.failed.length === closed.failedBefore) counts.failed.push(name)
  })
  return { hasTests: () => children > 0 }
}
