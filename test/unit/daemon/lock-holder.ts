// Holds the lock of the directory that its first argument names until it is killed.
import { fstatSync } from 'node:fs'
import { acquireDaemonLock } from '../../../src/daemon/daemon-lock.js'
import { lockByProgram } from '../../../src/daemon/kernel-lock.js'
import { loadNativeAddon } from '../../../src/transport/native-addon.js'

const [, , directory = '', way = ''] = process.argv
const { tryLock } = loadNativeAddon()
const filesOnly = (fd: number) => (fstatSync(fd).isDirectory() ? 'impossible' : tryLock(fd))
const lockBy = way.includes('only files') ? filesOnly : way.includes('flock') ? lockByProgram : tryLock
await acquireDaemonLock(directory, lockBy)
process.stdout.write('held\n')
setInterval(() => undefined, 60_000)
