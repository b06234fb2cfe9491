import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const WHOLE_SECOND = new Date('2026-03-04T05:06:07Z')

/** Different at every offset below 16 MiB, so that bytes from a wrong place are seen. */
function numbered(size: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(size / 4) * 4)
  for (let offset = 0; offset < bytes.length; offset += 4)
    bytes.writeUInt32LE((offset * 2654435761) >>> 0, offset)
  return bytes.subarray(0, size)
}

const FILES: Readonly<Record<string, Buffer>> = {
  'readme.txt': Buffer.from('I exist to be read.\n'),
  'empty.txt': Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  'exactly-64k.bin': numbered(64 * 1024),
  'one-over-1m.bin': numbered(1024 * 1024 + 1),
  'large.bin': numbered(9 * 1024 * 1024 + 12_345),
  'folder/inner/deep.txt': Buffer.from('I exist to be deep.\n'),
  'folder/été & 100% #1.txt': Buffer.from('I exist for my name.\n'),
  'folder/日本語 العربية.txt': Buffer.from('I exist for my scripts.\n'),
  'folder/Cafe\u0301.txt': Buffer.from('I am decomposed.\n'),
  'folder/Caf\u00e9.txt': Buffer.from('I am composed.\n'),
  ...Object.fromEntries(
    Array.from({ length: 450 }, (_, i) => [
      `many/file ${String(i).padStart(3, '0')}.txt`,
      Buffer.from(`I am ${i}.\n`),
    ]),
  ),
}

/** Fills a local directory: what the drive must show, in the only form that cannot be wrong. */
export async function writeReference(directory: string): Promise<void> {
  await mkdir(join(directory, 'empty folder'), { recursive: true })
  for (const [path, bytes] of Object.entries(FILES)) {
    const file = join(directory, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, bytes)
    // SharePoint keeps whole seconds.
    await utimes(file, WHOLE_SECOND, WHOLE_SECOND)
  }
}
