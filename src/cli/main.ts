#!/usr/bin/env node
import { Fault } from '../model/fault.js'
import { runCli } from './run-cli.js'

const interrupted = new AbortController()
// Once: a second Ctrl-C ends the process whatever it is doing.
process.once('SIGINT', () => interrupted.abort(new Fault('cancelled', 'Cancelled')))

// `b2bmount list | head`: the reader has gone, and that is fine.
process.stdout.on('error', (failure: NodeJS.ErrnoException) => process.exit(failure.code === 'EPIPE' ? 0 : 1))

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  signal: interrupted.signal,
})
