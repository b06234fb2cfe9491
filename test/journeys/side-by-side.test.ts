import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { cannotMount } from '../helpers/can-mount.js'
import { temporaryDirectory } from '../helpers/mounted-directory.js'
import { run } from '../helpers/programs.js'
import { mountWritable } from '../helpers/writable-library.js'

const PROGRAM = fileURLToPath(new URL('../../../test/fixtures/side-by-side.py', import.meta.url))

/** Where the drive is not like a local disk: what it does, and the sentence of docs/SEMANTICS.md that says so. */
const DIFFERENCES: Readonly<Record<string, readonly [shown: string, sentence: string]>> = {
  'sizes above 250 GB': [
    'EFBIG EFBIG EFBIG EFBIG EFBIG EFBIG',
    'No file may be larger than SharePoint takes, 250 GB: whatever would make it so is `file-too-large` at once',
  ],
  ...Object.fromEntries(
    [8, 32, 64, 33].map(mode => [
      `fallocate other mode ${mode}`,
      [
        'ENOTSUP',
        '`fallocate` reserves, punches holes and writes zeros; its other modes are EOPNOTSUPP.',
      ] as const,
    ]),
  ),
  'times in nanoseconds': [
    '1000000000987000000\t1000000000987000000',
    'Times are kept to the millisecond here. The time of reading is shown as that of the last change.',
  ],
  'time of a folder': [
    'False False False False False',
    "The times of a folder are the service's: they do not change with what is made in it.",
  ],
  'names that are not UTF-8': [
    'EILSEQ ENOENT',
    'A name that is not UTF-8 is EILSEQ; looking for one finds nothing.',
  ],
  'links and devices': ['EPERM EPERM EPERM', 'symbolic and hard links, devices: `not-permitted`.'],
  'unlinked links': ['ENOENT ENOENT ENOENT', 'the same'],
  xattr: ['ENOTSUP []', 'setting another one is EOPNOTSUPP. They are not listed'],
  ...Object.fromEntries(
    ['4755', '2755', '6711'].map(mode => [
      `chmod file to run as others ${mode}`,
      ['EPERM', 'the set-user-ID and set-group-ID bits of files are refused (`not-permitted`)'] as const,
    ]),
  ),
  'chown to others': ['EPERM EPERM', 'Other owners: `not-permitted`.'],
  holes: ['0 100000', 'A file is all data to SEEK_DATA and SEEK_HOLE'],
  tmpfile: ['ENOTSUP', 'Files without a name (O_TMPFILE): EOPNOTSUPP'],
  exchange: ['EINVAL', 'RENAME_EXCHANGE: `invalid-value`.'],
  deep: ['ENAMETOOLONG', 'A path of more than 400 characters over there is `name-too-long`'],
}

function lines(output: string): Map<string, string> {
  return new Map(
    output
      .trimEnd()
      .split('\n')
      .map(line => {
        const [label = '', ...results] = line.split('\t')
        return [label, results.join('\t')]
      }),
  )
}

t.test(
  'programs find what they find on a local disk, or what SEMANTICS says',
  { skip: cannotMount },
  async t => {
    const library = await mountWritable(t)
    const beside = join(await temporaryDirectory(t), 'beside')
    await mkdir(beside)
    // As file managers do: the library by its organization's listing.
    await run('ls', '-la', library.drive, join(library.path, '..'))
    const there = lines(await run('python3', PROGRAM, library.path))
    const here = lines(await run('python3', PROGRAM, beside))
    t.same([...there.keys()], [...here.keys()], 'both have come to the end')
    t.ok(here.size > 50)
    for (const [label, result] of there) {
      const [expected, sentence] = DIFFERENCES[label] ?? [here.get(label), 'as on a local disk']
      t.equal(result, expected, `${label}: ${sentence}`)
    }
    for (const label of Object.keys(DIFFERENCES)) t.ok(there.has(label), `${label} was tried`)
  },
)
