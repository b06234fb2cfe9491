import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lines, ONE_BYTE_RUN, withLinesSwapped } from './colliding.js'
import type { ForeignProgram, Trial } from './trial.js'

const FILE = 'file.bin'

/** Files are replaced by others of the same size and QuickXorHash. */
const coreutils: ForeignProgram = {
  name: 'cp, mv, dd',
  needs: ['cp', 'mv', 'install', 'dd', 'truncate'],
  work: async trial => {
    let text = lines(400)
    let line = 1
    const next = async () => {
      text = withLinesSwapped(text, line)
      line += 2
      await writeFile(trial.beside(FILE), text)
    }
    await trial.begin({ [FILE]: text, 'zeros.bin': Buffer.alloc(256 * 1024) })
    await next()
    await trial.run('cp', [trial.beside(FILE), FILE])
    await trial.settles('cp', { versions: { [FILE]: 1 } })
    for (const [i, [program, ...options]] of [
      ['cp', '--backup=simple'],
      ['mv', '--backup=simple'],
      ['install', '--backup=simple'],
    ].entries()) {
      await next()
      await trial.run(program ?? '', [...options, trial.beside(FILE), trial.on(FILE)])
      await trial.settles(`${program} ${options.join(' ')}`, {
        versions: { [FILE]: 1, ...(i > 0 && { [`${FILE}~`]: 1 }) },
      })
    }
    for (const version of [1, 2]) {
      await next()
      await trial.run('cp', ['--backup=numbered', trial.beside(FILE), FILE])
      await trial.settles(`numbered backup ${version}`, { versions: { [FILE]: 1 } })
    }
    // Of one byte, over zeros, where QuickXorHash sees nothing; then of another one, not through a rename.
    for (const byte of ['x', 'y']) {
      const run = byte.repeat(ONE_BYTE_RUN)
      await trial.run('dd', ['of=zeros.bin', 'bs=4096', 'seek=3', 'conv=notrunc,fsync', 'status=none'], {
        input: run,
      })
      await trial.settles(`dd ${byte}`, { versions: { 'zeros.bin': 1 } })
    }
    await trial.run('truncate', ['--size=100K', 'zeros.bin'])
    await trial.settles('truncate', { versions: { 'zeros.bin': 1 } })
  },
}

/** @returns the tree's directory */
async function makeTree(trial: Trial, count: number): Promise<string> {
  const tree = trial.beside('tree')
  for (const folder of ['a', 'a/b', 'c']) await mkdir(join(tree, folder), { recursive: true })
  for (let i = 0; i < count; i++) {
    const folder = ['.', 'a', 'a/b', 'c'][i % 4] ?? '.'
    await writeFile(join(tree, folder, `note ${i}.txt`), lines(8, `note ${i}, line`))
  }
  return tree
}

/** Swaps two lines of each file: the same size, the same QuickXorHash. */
async function changeTree(tree: string, count: number, line: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const path = join(tree, ['.', 'a', 'a/b', 'c'][i % 4] ?? '.', `note ${i}.txt`)
    await writeFile(path, withLinesSwapped(await readFile(path), line))
  }
}

const rsync: ForeignProgram = {
  name: 'rsync',
  needs: ['rsync', 'diff'],
  work: async (trial, length) => {
    const count = length === 'short' ? 8 : 200
    const tree = await makeTree(trial, count)
    const send = (...options: string[]) =>
      trial.run('rsync', ['-rt', ...options, `${tree}/`, `${trial.on()}/`])
    await send()
    await trial.settles('there')
    for (const [line, options] of [
      [1, ['--checksum']],
      [3, ['--checksum', '--inplace']],
      [5, ['--checksum', '--delay-updates']],
    ] as const) {
      await changeTree(tree, count, line)
      await send(...options)
      await trial.settles(`there, ${options.join(' ')}`, { versions: { 'note 0.txt': 1 } })
    }
    await trial.run('rsync', ['-rt', `${trial.on()}/`, trial.beside('back')])
    trial.expect(
      (await trial.run('diff', ['-r', tree, trial.beside('back')])) === '',
      'what came back differs',
    )
    const again = await trial.run('rsync', [
      '-rt',
      '--checksum',
      '--out-format=%n',
      `${tree}/`,
      `${trial.on()}/`,
    ])
    trial.expect(again === '', `there is something to do when asked again: ${again}`)
  },
}

const zip: ForeignProgram = {
  name: 'zip',
  needs: ['zip', 'unzip'],
  work: async trial => {
    const tree = await makeTree(trial, 8)
    // Stored, so that what QuickXorHash does not see in the files it does not see in most of the archive either.
    const update = () => trial.run('zip', ['-q', '-r', '-0', trial.on('archive.zip'), '.'], { within: tree })
    await update()
    await trial.settles('made')
    for (const line of [1, 3]) {
      await changeTree(tree, 8, line)
      await update()
      await trial.settles('updated', { versions: { 'archive.zip': 1 } })
    }
    await trial.run('zip', ['-q', '-d', 'archive.zip', 'note 0.txt'])
    await trial.settles('one deleted', { versions: { 'archive.zip': 1 } })
    await trial.run('unzip', ['-qt', 'archive.zip'])
  },
}

const sevenZip: ForeignProgram = {
  name: '7z',
  needs: ['7zz'],
  work: async trial => {
    const tree = await makeTree(trial, 8)
    const update = () =>
      trial.run('7zz', ['u', '-bso0', '-bsp0', '-mx1', trial.on('archive.7z'), '.'], { within: tree })
    await update()
    await trial.settles('made')
    for (const line of [1, 3]) {
      await changeTree(tree, 8, line)
      await update()
      await trial.settles('updated', { versions: { 'archive.7z': 1 } })
    }
    await trial.run('7zz', ['t', '-bso0', '-bsp0', 'archive.7z'])
  },
}

const tar: ForeignProgram = {
  name: 'tar',
  needs: ['tar'],
  work: async trial => {
    const tree = await makeTree(trial, 8)
    const archive = trial.on('archive.tar')
    await trial.run('tar', ['-cf', archive, '.'], { within: tree })
    await trial.settles('made')
    await changeTree(tree, 8, 1)
    await trial.run('tar', ['-rf', archive, '.'], { within: tree })
    await trial.settles('appended', { versions: { 'archive.tar': 1 } })
    await trial.run('tar', ['--delete', '-f', archive, './note 0.txt'])
    await trial.settles('one deleted', { versions: { 'archive.tar': 1 } })
    await trial.run('tar', ['-tf', archive])
  },
}

const ffmpeg: ForeignProgram = {
  name: 'ffmpeg',
  needs: ['ffmpeg', 'ffprobe'],
  work: async trial => {
    // The index is moved to the front when the end has been written: the file is read and written in place.
    const film = async (source: string) => {
      const input = ['-f', 'lavfi', '-i', `${source}=duration=4:size=320x240:rate=15`]
      const output = ['-c:v', 'mpeg4', '-q:v', '2', '-movflags', '+faststart', '-y', 'film.mp4']
      await trial.run('ffmpeg', ['-nostdin', '-v', 'error', ...input, ...output])
    }
    await film('testsrc')
    await trial.settles('made')
    await film('testsrc2')
    await trial.settles('made again', { versions: { 'film.mp4': 1 } })
    await copyFile(trial.on('film.mp4'), trial.beside('film.mp4'))
    const shape = await trial.run('ffprobe', [
      '-v',
      'error',
      '-show_entries',
      'stream=nb_frames',
      '-of',
      'csv=p=0',
      trial.beside('film.mp4'),
    ])
    trial.expect(shape.trim() === '60', `the film has ${shape.trim()} frames, not 60`)
  },
}

export const FILES: readonly ForeignProgram[] = [coreutils, rsync, zip, sevenZip, tar, ffmpeg]
