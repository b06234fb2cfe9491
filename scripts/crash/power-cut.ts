import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, rm, stat, truncate } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Sandbox } from '../sandbox.js'
import type { PowerCut } from './crash-test.js'

const SOURCE = fileURLToPath(new URL('../../../scripts/crash/power-cut.c', import.meta.url))
/** Of the daemon's state, what the disk must have: the store and what has not been sent. */
const DURABLE = /^(store\.sqlite(-wal)?|unsent\/.*)$/

/**
 * A simulated power cut: every byte that was written after the last fsync or fdatasync of its file is taken back when the
 * daemon has been killed. A file that was never synced is empty.
 */
export const powerCut: PowerCut = {
  async prepare(sandbox) {
    const library = join(sandbox.home, 'power-cut.so')
    await promisify(execFile)('cc', ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl'])
    await mkdir(kept(sandbox))
    Object.assign(sandbox.env, {
      LD_PRELOAD: library,
      POWER_CUT_BELOW: state(sandbox),
      POWER_CUT_KEPT: kept(sandbox),
    })
  },
  async cut(sandbox) {
    const below = state(sandbox)
    for (const entry of await readdir(below, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      const name = path.slice(below.length + 1)
      // An index of the log in memory that is shared: it does not outlive the machine.
      if (name === 'store.sqlite-shm') await rm(path)
      if (!entry.isFile() || !DURABLE.test(name)) continue
      const { ino } = await stat(path)
      const copy = join(kept(sandbox), String(ino))
      if (existsSync(copy)) await copyFile(copy, path)
      else await truncate(path, 0)
    }
    // What is now on the disk is what the next cut begins with.
    for (const name of await readdir(kept(sandbox))) await rm(join(kept(sandbox), name))
    await keepAll(sandbox)
  },
}

async function keepAll(sandbox: Sandbox): Promise<void> {
  const below = state(sandbox)
  for (const entry of await readdir(below, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || !DURABLE.test(path.slice(below.length + 1))) continue
    await copyFile(path, join(kept(sandbox), String((await stat(path)).ino)))
  }
}

function state(sandbox: Sandbox): string {
  return join(sandbox.home, '.local', 'state', 'b2bmount', 'emulator')
}

function kept(sandbox: Sandbox): string {
  return join(sandbox.home, 'kept')
}
