/**
 * Reads a mount for the test that serves it: a process that asks its own mount waits for itself. Speaks over Node's IPC
 * channel: `Ask` in, `Told` out, one after the other. Ends with the test.
 */
import { execFile } from 'node:child_process'
import { open, readdir, readFile, stat, statfs, type FileHandle } from 'node:fs/promises'
import { constants } from 'node:os'
import { promisify } from 'node:util'

export type Ask =
  | { readonly op: 'open' | 'stat' | 'list' | 'readWhole' | 'space'; readonly path: string }
  | { readonly op: 'read'; readonly file: number; readonly start: number; readonly length: number }
  | { readonly op: 'fstat' | 'close'; readonly file: number }
  | { readonly op: 'run'; readonly program: string; readonly args: readonly string[] }

export type Told = { readonly value: unknown } | { readonly code: string }

const files: FileHandle[] = []

async function perform(ask: Ask): Promise<unknown> {
  switch (ask.op) {
    case 'open':
      return files.push(await open(ask.path)) - 1
    case 'stat':
      return shown(await stat(ask.path))
    case 'list':
      return await readdir(ask.path)
    case 'readWhole':
      return await readFile(ask.path)
    case 'space':
      return await statfs(ask.path)
    case 'fstat':
      return shown(await of(ask.file).stat())
    case 'run': {
      const limits = { timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 16 << 20 } as const
      return (await promisify(execFile)(ask.program, ask.args, limits)).stdout
    }
    case 'close':
      return await of(ask.file).close()
    case 'read': {
      const bytes = Buffer.alloc(ask.length)
      const { bytesRead } = await of(ask.file).read(bytes, 0, ask.length, ask.start)
      return bytes.subarray(0, bytesRead)
    }
  }
}

function of(number: number): FileHandle {
  const file = files[number]
  if (file === undefined) throw new Error(`no file ${number}`)
  return file
}

function shown({ ino, size, mtimeMs, blocks }: Awaited<ReturnType<typeof stat>>): object {
  return { ino, size, blocks, modified: mtimeMs }
}

/** Node.js does not know all names: ESTALE. */
function codeOf({ errno, message }: NodeJS.ErrnoException): string {
  const names = Object.entries(constants.errno)
  return names.find(([, number]) => number === -(errno ?? 0))?.[0] ?? message
}

process.on('message', (ask: Ask) => {
  const tell = (told: Told): unknown => process.send?.(told)
  void perform(ask).then(
    value => tell({ value }),
    (failure: unknown) => tell({ code: codeOf(failure as NodeJS.ErrnoException) }),
  )
})
process.on('disconnect', () => process.exit())
