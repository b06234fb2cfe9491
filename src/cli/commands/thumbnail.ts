import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import type { ThumbnailAnswer } from '../../control/answers.js'
import { Fault } from '../../model/fault.js'
import { formatBytes, table } from '../format.js'
import type { RunCommand } from '../program.js'

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
        const answer = await session.askAbout('thumbnail', resolve(path), at => ({ path: at, ...request }))
        const { source, png } = answer
        const file = options.output === undefined ? answer.file : resolve(options.output)
        const bytes = Buffer.from(png, 'base64')
        if (options.output !== undefined) await write(resolve(options.output), bytes)
        if (file === undefined) {
          throw new Fault('local-io', 'The thumbnail could not be written where file managers look for it', {
            nextStep: 'Say where to write it, with --output',
          })
        }
        session.output.answer(
          { source, file, bytes: bytes.length },
          table([
            ['Thumbnail', file],
            ['Size', formatBytes(bytes.length)],
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
        const { source, png } = await session.askAbout('thumbnail', pathOf(uri), at => ({
          path: at,
          size,
          previews: false,
        }))
        const bytes = Buffer.from(png, 'base64')
        await write(resolve(output), bytes)
        session.output.answer({ source, file: resolve(output), bytes: bytes.length }, [])
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

async function write(to: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(to, bytes)
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new Fault(code === 'ENOSPC' ? 'disk-full' : 'local-io', `${to} cannot be written (${code})`, {
      cause,
      nextStep: 'Choose another file.',
    })
  }
}
