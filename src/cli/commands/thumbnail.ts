import { constants, copyFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import type { ThumbnailAnswer } from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { formatBytes, table } from '../format.js'
import type { RunCommand } from '../program.js'
import { onDrive } from './on-drive.js'

const MADE_OF: Readonly<Record<ThumbnailAnswer['source'], string>> = {
  service: 'the other organization',
  content: 'the file, which is local',
  preview: 'a preview within the file',
}

export function thumbnailCommand(run: RunCommand): Command {
  return new Command('thumbnail')
    .summary('make the thumbnail of one file')
    .description(
      'Makes the thumbnail of a file of the drive, without downloading the file: from the other organization, from the file if it is local, or from a preview within it. Prints where it is, or writes it to a file.',
    )
    .argument('<path>', 'a file of the drive')
    .option('--size <pixels>', 'of the square that it fits into: 128, 256, 512 or 1024', parseSize, 256)
    .option('--output <file>', 'write it there, as PNG')
    .addHelpText(
      'after',
      `
Examples:
  b2bmount thumbnail ~/B2B/Contoso/'Projects - Documents'/Plan.pdf --output plan.png`,
    )
    .action((path: string, options: { readonly size: number; readonly output?: string }) =>
      run(async session => {
        const request = { size: options.size, previews: true }
        const answer = await onDrive(resolve(path), real =>
          session.ask('thumbnail', { path: real, ...request }),
        )
        const file = options.output === undefined ? answer.file : resolve(options.output)
        if (options.output !== undefined) await copy(answer.file, file)
        const { source, bytes } = answer
        session.output.answer(
          { ...answer, file },
          table([
            ['Thumbnail', file],
            ['Size', formatBytes(bytes)],
            ['From', MADE_OF[source]],
          ]),
        )
      }),
    )
}

/** What a file manager runs: `Exec=b2bmount thumbnailer %u %o %s`. */
export function thumbnailerCommand(run: RunCommand): Command {
  return new Command('thumbnailer')
    .summary('make a thumbnail for a file manager')
    .description(
      'For entries of share/thumbnailers: writes the thumbnail of the file with this address, or fails, without reading the file.',
    )
    .argument('<uri>', 'file:// address of a file of the drive')
    .argument('<output>', 'the PNG to write')
    .argument('[size]', 'in pixels', parseSize, 256)
    .action((uri: string, output: string, size: number) =>
      run(async session => {
        const answer = await onDrive(pathOf(uri), path =>
          session.ask('thumbnail', { path, size, previews: false }),
        )
        await copy(answer.file, resolve(output))
        session.output.answer({ ...answer, file: resolve(output) }, [])
      }),
    )
}

function parseSize(text: string): number {
  const size = Number(text)
  if (!Number.isInteger(size) || size < 1 || size > 1024)
    throw new InvalidArgumentError('a number from 1 to 1024.')
  return size
}

function pathOf(uri: string): string {
  try {
    return fileURLToPath(uri)
  } catch (cause) {
    throw new Fault('usage', `${uri} is not the address of a file of this machine`, { cause })
  }
}

async function copy(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new Fault(code === 'ENOSPC' ? 'disk-full' : 'local-io', `${to} cannot be written (${code})`, {
      cause,
      nextStep: 'Choose another file.',
    })
  }
}
