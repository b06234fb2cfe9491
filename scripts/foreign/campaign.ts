import { EDITORS } from './editors.js'
import { FILES } from './files.js'
import { Ground } from './ground.js'
import { OFFICE } from './office.js'
import { SAMBA } from './samba.js'
import { STORES } from './stores.js'
import { tryProgram, type ForeignProgram, type Length, type Outcome } from './trial.js'

export const PROGRAMS: readonly ForeignProgram[] = [...EDITORS, ...FILES, ...STORES, ...OFFICE, ...SAMBA]

export interface CampaignOptions {
  /** See {@link Ground.open}. */
  readonly mountPoint: string
  readonly length: Length
  readonly programs: readonly ForeignProgram[]
  readonly onOutcome: (outcome: Outcome) => void
}

/** Lets programs that nobody here wrote work on one mounted drive, one after the other. @returns whether all went well */
export async function campaign(options: CampaignOptions): Promise<boolean> {
  const ground = await Ground.open(options.mountPoint)
  let isWell = true
  try {
    for (const program of options.programs) {
      const outcome = await tryProgram(ground, program, options.length)
      options.onOutcome(outcome)
      isWell &&= outcome.problems.length === 0
    }
  } finally {
    await ground.close()
  }
  return isWell
}
