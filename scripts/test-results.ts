import { createReadStream } from 'node:fs'
import { countTests } from './count-tests.js'

// test-results FILE STATUS [FAILURE]…: prints what failed, what was skipped and why, and then one line of counts.
// STATUS is how the test runner ended: what it could not write to FILE shows there.
const [file = '', status = '', ...failures] = process.argv.slice(2)

try {
  const counts = await countTests(createReadStream(file))
  const failed = [...counts.failed, ...failures]
  if (failed.length === 0 && status !== '0') failed.push(`the test runner ended with ${status}`)
  for (const name of failed) console.log(`failed: ${name}`)
  for (const name of counts.skipped) console.log(`skipped: ${name}`)
  console.log(`${counts.passed} passed, ${failed.length} failed, ${counts.skipped.length} skipped`)
  process.exitCode = failed.length === 0 ? 0 : 1
} catch (failure) {
  console.log(`failed: the results of the tests cannot be read (${String(failure)})`)
  console.log('0 passed, 1 failed, 0 skipped')
  process.exitCode = 1
}
