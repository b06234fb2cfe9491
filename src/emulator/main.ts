#!/usr/bin/env node
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { startEmulator } from './emulator.js'
import { parseLibrary, type LibraryFromDisk } from './world/build-world.js'

interface Flags {
  port: number
  directory: string
  world: string
  library: LibraryFromDisk[]
  json?: boolean
  exitWithParent?: boolean
}

const program = new Command('b2bmount-emulator')
  .description(
    'A small Microsoft 365 on 127.0.0.1: Entra, Graph and SharePoint, for trying and testing b2bmount.',
  )
  .option('--port <number>', 'port to listen on; 0 takes a free one', parsePort, 0)
  .option('--directory <dir>', 'where certificates, keys and cloud.json are kept', defaultDirectory())
  .option('--world <name>', 'demo, hostile, empty, or the path of a world file (docs/EMULATOR.md)', 'demo')
  .option(
    '--library <tenant/name=dir>',
    'serve a directory of this machine as a library (repeatable), for example contoso/Projects=/srv/projects',
    (text: string, before: LibraryFromDisk[]) => [...before, parseLibraryFlag(text)],
    [] as LibraryFromDisk[],
  )
  .option('--json', 'print one line of JSON when ready')
  .option('--exit-with-parent', 'stop when standard input ends')

function parseLibraryFlag(text: string): LibraryFromDisk {
  try {
    return parseLibrary(text)
  } catch (failure) {
    throw new InvalidArgumentError(failure instanceof Error ? failure.message : '')
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('a number from 0 to 65535.')
  }
  return port
}

function defaultDirectory(): string {
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state')
  return join(state, 'b2bmount-emulator')
}

async function main(): Promise<void> {
  const flags = program.parse().opts<Flags>()
  const emulator = await startEmulator({
    directory: flags.directory,
    port: flags.port,
    world: flags.world,
    libraries: flags.library,
  })
  const ready = {
    ready: true,
    port: emulator.port,
    cloud: emulator.cloudFile,
    ca: emulator.caFile,
    admin: emulator.adminUrl,
  }
  process.stdout.write(
    flags.json
      ? JSON.stringify(ready) + '\n'
      : `The emulator listens on 127.0.0.1:${emulator.port}; b2bmount finds it by ${emulator.cloudFile}\n`,
  )

  const stop = () => {
    void emulator.close().then(() => process.exit(0))
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  if (flags.exitWithParent) process.stdin.resume().once('end', stop).once('error', stop)
}

main().catch((failure: unknown) => {
  process.stderr.write(`b2bmount-emulator: ${explain(failure)}\n`)
  process.exit(1)
})

function explain(failure: unknown): string {
  const { code, message } = failure as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'another program listens on this port: choose another with --port.'
  if (code === 'EACCES') return `${message}: ports below 1024 need root, and the directory must be yours.`
  return message
}
