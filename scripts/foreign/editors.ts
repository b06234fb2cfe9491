import { readFile } from 'node:fs/promises'
import { lines, withLinesSwapped } from './colliding.js'
import type { ForeignProgram, Trial } from './trial.js'

const LINES = 60
const DOCUMENT = 'document.txt'

/** Each save swaps two lines, which QuickXorHash does not see. */
class Document {
  readonly #trial: Trial
  #text = lines(LINES)
  #saves = 0

  constructor(trial: Trial) {
    this.#trial = trial
  }

  async begin(): Promise<void> {
    await this.#trial.begin({ [DOCUMENT]: this.#text })
  }

  /** The next two lines, from 1. */
  get line(): number {
    return 2 * this.#saves + 1
  }

  /**
   * The program has swapped the next two lines and saved: one version more of the same document, and its backup has the old bytes.
   * @param backup is there, new at the first time and then one version more
   */
  async saved(step: string, backup?: string, isFirst = this.#saves === 0): Promise<void> {
    const trial = this.#trial
    const before = this.#text
    this.#text = withLinesSwapped(before, this.line)
    this.#saves++
    trial.expect(
      (await readFile(trial.on(DOCUMENT))).equals(this.#text),
      `${step}: the document is not what was written`,
    )
    if (backup !== undefined) {
      const kept = await readFile(trial.on(backup))
      trial.expect(kept.equals(before), `${step}: the backup is not what the document was`)
    }
    const versions = { [DOCUMENT]: 1, ...(backup === undefined || isFirst ? {} : { [backup]: 1 }) }
    await trial.settles(step, { versions })
  }
}

const BACKUP = `${DOCUMENT}~`

const emacs: ForeignProgram = {
  name: 'emacs',
  needs: ['emacs'],
  work: async (trial, length) => {
    const document = new Document(trial)
    await document.begin()
    // It makes none below /tmp, where this clone may be.
    const always = '(setq backup-enable-predicate (lambda (name) t))'
    const edit = (lisp: string) =>
      trial.run('emacs', ['-Q', '--batch', '--eval', always, DOCUMENT, '--eval', `(progn ${lisp})`])
    const swap = () => `(goto-char (point-min)) (forward-line ${document.line}) (transpose-lines 1)`
    for (let i = 1; i <= (length === 'short' ? 3 : 10); i++) {
      await edit(`${swap()} (save-buffer)`)
      await document.saved(`save ${i}`, BACKUP)
    }
    // Emacs types, and is killed.
    await edit(`(insert "typed") (auto-save-mode 1) (do-auto-save t)`)
    await trial.settles('typed, not saved', { here: [`#${DOCUMENT}#`], versions: { [DOCUMENT]: 0 } })
  },
}

// A version with each of the settings of backups that vim has.
const VIM_SETTINGS: readonly (readonly [settings: string, backup?: string])[] = [
  ['nobackup writebackup backupcopy=no'],
  ['nobackup writebackup backupcopy=yes'],
  ['nobackup writebackup backupcopy=auto'],
  ['nobackup nowritebackup'],
  ['backup writebackup backupcopy=no', BACKUP],
  ['backup writebackup backupcopy=yes', BACKUP],
  ['backup writebackup backupcopy=auto', BACKUP],
  ['backup backupcopy=no backupext=.bak', `${DOCUMENT}.bak`],
]

const vim: ForeignProgram = {
  name: 'vim',
  needs: ['vim'],
  work: async (trial, length) => {
    const document = new Document(trial)
    await document.begin()
    const save = async (settings: string) => {
      const { line } = document
      const edits = [`set backupskip= ${settings}`, `${line}m${line + 1}`, 'wq']
      await trial.run('vim', ['-Nu', 'NONE', '-es', ...edits.flatMap(edit => ['-c', edit]), DOCUMENT])
    }
    const backups = new Set<string>()
    for (let round = 0; round < (length === 'short' ? 1 : 2); round++) {
      for (const [settings, backup] of VIM_SETTINGS) {
        await save(settings)
        await document.saved(settings, backup, backup !== undefined && !backups.has(backup))
        if (backup !== undefined) backups.add(backup)
      }
    }
    // The original is kept once, whatever is saved after that.
    await save('nobackup backupcopy=no patchmode=.orig')
    await document.saved('patchmode', `${DOCUMENT}.orig`, true)
    await save('nobackup backupcopy=no patchmode=.orig')
    await document.saved('patchmode again')
  },
}

const nano: ForeignProgram = {
  name: 'nano',
  needs: ['nano', 'script'],
  work: async trial => {
    const document = new Document(trial)
    await document.begin()
    for (const [i, option] of ['', '--backup', '--backup'].entries()) {
      // Cut the line, go down one, put it back; save; leave.
      const keys = '\x0b\x1b[B\x15\x13\x18'
      await trial.type(`nano --ignorercfiles ${option} +${document.line} ${DOCUMENT}`, 'Exit', keys)
      await document.saved(`save ${i + 1} ${option}`, option === '' ? undefined : BACKUP, i === 1)
    }
  },
}

const perl: ForeignProgram = {
  name: 'perl -i',
  needs: ['perl'],
  work: async trial => {
    const document = new Document(trial)
    await document.begin()
    for (const [i, suffix] of ['', '.bak', '.bak'].entries()) {
      const { line } = document
      const script = `if ($. == ${line}) { $kept = $_; next } print; print $kept if $. == ${line + 1}`
      await trial.run('perl', [`-i${suffix}`, '-ne', script, DOCUMENT])
      await document.saved(
        `perl -i${suffix}, ${i + 1}`,
        suffix === '' ? undefined : DOCUMENT + suffix,
        i === 1,
      )
    }
  },
}

const sed: ForeignProgram = {
  name: 'sed -i',
  needs: ['sed'],
  work: async trial => {
    const document = new Document(trial)
    await document.begin()
    for (const [i, suffix] of ['', '.bak', '.bak'].entries()) {
      const { line } = document
      await trial.run('sed', [`-i${suffix}`, `${line}{h;d};${line + 1}{G}`, DOCUMENT])
      await document.saved(
        `sed -i${suffix}, ${i + 1}`,
        suffix === '' ? undefined : DOCUMENT + suffix,
        i === 1,
      )
    }
  },
}

export const EDITORS: readonly ForeignProgram[] = [emacs, vim, nano, perl, sed]
