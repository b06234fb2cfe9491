import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lines, withLinesSwapped } from './colliding.js'
import type { ForeignProgram, Trial } from './trial.js'

/** As Ann, whatever the configuration of this machine. */
const GIT = [
  'user.name=Ann',
  'user.email=ann@fabrikam.example',
  'safe.directory=*',
  'init.defaultBranch=main',
  'gc.auto=0',
].flatMap(setting => ['-c', setting])

const git: ForeignProgram = {
  name: 'git',
  needs: ['git'],
  work: async (trial, length) => {
    const work = 'work'
    const run = (...args: string[]) => trial.run('git', [...GIT, ...args])
    const at = (folder: string, ...args: string[]) => run('-C', folder, ...args)
    await run('init', '-q', work)
    let text = lines(40)
    for (let i = 0; i < (length === 'short' ? 3 : 20); i++) {
      await writeFile(trial.on(work, 'notes.txt'), text)
      await writeFile(trial.on(work, `note ${i}.txt`), `I am note ${i}.\n`)
      await at(work, 'add', '.')
      await at(work, 'commit', '-q', '-m', `Change ${i}`)
      text = withLinesSwapped(text, 2 * (i % 15) + 1)
    }
    await trial.settles('committed', { deleted: ['*'] })
    await at(work, 'worktree', 'add', '-q', '-b', 'other', '../beside')
    await writeFile(trial.on('beside', 'notes.txt'), text)
    await at('beside', 'commit', '-q', '-a', '-m', 'Change it beside')
    await at(work, 'merge', '-q', 'other')
    await trial.settles('a worktree beside, merged', { versions: { 'work/notes.txt': 1 }, deleted: ['*'] })
    await at(work, 'worktree', 'remove', '../beside')
    await at(work, 'gc', '-q', '--prune=now')
    await trial.settles('gc', { deleted: ['*'] })
    await trial.ground.freeUp(trial.on())
    await at(work, 'fsck', '--strict', '--no-progress')
    trial.expect((await at(work, 'status', '--porcelain')) === '', 'the working tree is not clean')
    await run('clone', '-q', trial.on(work), trial.beside('clone'))
    trial.expect(
      (await readFile(trial.beside('clone', 'notes.txt'))).equals(text),
      'the clone has other notes',
    )
  },
}

/** Two processes that write into one database, at the same time. */
async function writeTogether(trial: Trial, database: string, rows: number): Promise<void> {
  const writes = (who: string) =>
    [
      '.timeout 60000',
      ...Array.from(
        { length: rows },
        (_, i) => `INSERT INTO note VALUES ('${who} ${i}', hex(randomblob(100)));`,
      ),
    ].join('\n')
  await Promise.all(
    ['one', 'other'].map(who => trial.run('sqlite3', ['-bail', database], { input: writes(who) })),
  )
}

const sqlite: ForeignProgram = {
  name: 'sqlite',
  needs: ['sqlite3'],
  work: async (trial, length) => {
    const rows = length === 'short' ? 60 : 500
    for (const mode of ['delete', 'truncate', 'persist', 'wal']) {
      const database = `${mode}.db`
      const ask = async (sql: string) =>
        (await trial.run('sqlite3', ['-bail', '-cmd', '.timeout 60000', database, sql])).trim()
      const begin = `PRAGMA journal_mode=${mode}; CREATE TABLE note (who, what);`
      await ask(begin)
      await trial.settles(`${mode}: made`, { deleted: [`${database}-journal`] })
      await writeTogether(trial, database, rows)
      trial.expect((await ask('SELECT count(*) FROM note')) === String(2 * rows), `${mode}: rows are missing`)
      await trial.settles(`${mode}: two have written`, {
        versions: { [database]: 1 },
        deleted: [`${database}-journal`, `${database}-wal`, `${database}-shm`],
      })
      await ask("DELETE FROM note WHERE who LIKE 'one%'; VACUUM;")
      await trial.settles(`${mode}: vacuum`, {
        versions: { [database]: 1 },
        deleted: [`${database}-journal`, `${database}-wal`, `${database}-shm`],
      })
      await trial.ground.freeUp(trial.on())
      trial.expect((await ask('PRAGMA integrity_check')) === 'ok', `${mode}: the database is damaged`)
      trial.expect(
        (await ask('SELECT count(*) FROM note')) === String(rows),
        `${mode}: rows are missing afterwards`,
      )
    }
  },
}

/** What is backed up: changed between two backups in a way that QuickXorHash does not see. */
class Source {
  readonly path: string
  #text = lines(200)
  #line = 1

  constructor(trial: Trial) {
    this.path = trial.beside('source')
  }

  async change(): Promise<void> {
    await mkdir(this.path, { recursive: true })
    await writeFile(join(this.path, 'notes.txt'), this.#text)
    await writeFile(join(this.path, `${this.#line}.txt`), `I was there at ${this.#line}.\n`)
    this.#text = withLinesSwapped(this.#text, this.#line)
    this.#line += 2
  }
}

const restic: ForeignProgram = {
  name: 'restic',
  needs: ['restic', 'diff'],
  work: async (trial, length) => {
    const source = new Source(trial)
    const env = {
      RESTIC_PASSWORD: 'secret',
      RESTIC_REPOSITORY: trial.on(),
      RESTIC_CACHE_DIR: trial.beside('cache'),
    }
    const run = (...args: string[]) => trial.run('restic', ['-q', ...args], { env, within: trial.scratch })
    await run('init')
    for (let i = 0; i < (length === 'short' ? 2 : 6); i++) {
      await source.change()
      await run('backup', source.path)
      // Its locks may have been sent, and go again.
      await trial.settles(`backup ${i + 1}`, { deleted: ['*'] })
    }
    await run('forget', '--keep-last', '1', '--prune')
    await trial.settles('forgotten and pruned', { deleted: ['*'] })
    await run('check', '--read-data')
    await trial.settles('checked', { deleted: ['*'] })
    // Backups are refused what is online-only, so what was downloaded again is checked in a copy.
    await trial.ground.freeUp(trial.on())
    await trial.run('cp', ['-r', trial.on(), trial.beside('copy')])
    const restored = ['--repo', trial.beside('copy')]
    await run(...restored, 'check', '--read-data')
    await run(...restored, 'restore', 'latest', '--target', trial.beside('restored'))
    const difference = await trial.run(
      'diff',
      ['-r', source.path, join(trial.beside('restored'), source.path)],
      { mayFail: true },
    )
    trial.expect(difference === '', `restored otherwise: ${difference}`)
  },
}

const borg: ForeignProgram = {
  name: 'borg',
  needs: ['borg', 'diff'],
  work: async (trial, length) => {
    const source = new Source(trial)
    const env = {
      BORG_REPO: trial.on('repository'),
      BORG_BASE_DIR: trial.beside('borg'),
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
    }
    const run = (args: readonly string[], within = trial.scratch, more = {}) =>
      trial.run('borg', args, { env: { ...env, ...more }, within })
    await run(['init', '--encryption=none'])
    const backups = length === 'short' ? 2 : 6
    for (let i = 1; i <= backups; i++) {
      await source.change()
      await run(['create', `::${i}`, '.'], source.path)
      await trial.settles(`backup ${i}`, { deleted: ['*'] })
    }
    await run(['prune', '--keep-last', '1'])
    await run(['compact'])
    await trial.settles('pruned and compacted', { deleted: ['*'] })
    await run(['check', '--verify-data'])
    await trial.settles('checked', { deleted: ['*'] })
    // See above.
    await trial.ground.freeUp(trial.on())
    await trial.run('cp', ['-r', trial.on('repository'), trial.beside('copy')])
    const copy = { BORG_REPO: trial.beside('copy'), BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' }
    await run(['check', '--verify-data'], trial.scratch, copy)
    await mkdir(trial.beside('restored'))
    await run(['extract', `::${backups}`], trial.beside('restored'), copy)
    const difference = await trial.run('diff', ['-r', source.path, trial.beside('restored')], {
      mayFail: true,
    })
    trial.expect(difference === '', `restored otherwise: ${difference}`)
  },
}

const keepassxc: ForeignProgram = {
  name: 'KeePassXC',
  needs: ['keepassxc-cli'],
  work: async (trial, length) => {
    const run = (args: readonly string[], input: string) =>
      trial.run('keepassxc-cli', args, { input, env: { QT_QPA_PLATFORM: 'offscreen' } })
    const database = 'passwords.kdbx'
    await run(['db-create', '-q', '-t', '100', '--set-password', database], 'secret\nsecret\n')
    await trial.settles('made')
    const entries = Array.from({ length: length === 'short' ? 2 : 10 }, (_, i) => `entry ${i}`)
    for (const entry of entries) {
      await run(['add', '-q', '-g', database, entry], 'secret\n')
      await trial.settles(entry, { versions: { [database]: 1 } })
    }
    await trial.ground.freeUp(trial.on())
    const listed = (await run(['ls', '-q', database], 'secret\n')).trim().split('\n').sort()
    trial.expect(listed.join() === entries.sort().join(), `the entries are ${listed.join()}`)
  },
}

export const STORES: readonly ForeignProgram[] = [git, sqlite, restic, borg, keepassxc]
