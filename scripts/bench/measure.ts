import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const LONGEST_RUN_MILLISECONDS = 300_000
/** Of which the median is taken. */
export const ROUNDS = 5
/** Of what takes a tenth of a second: where the scheduler places a thread decides more than anything else. */
export const SHORT_ROUNDS = 15

export interface Outcome {
  readonly stdout: string
  readonly seconds: number
}

/** Runs a program to its end. @throws when it fails or takes longer than five minutes */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, args, {
    timeout: LONGEST_RUN_MILLISECONDS,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
  })
  return stdout
}

/** Runs a program with its output thrown away by the kernel. @returns seconds of wall time */
export async function time(program: string, ...args: readonly string[]): Promise<number> {
  const start = process.hrtime.bigint()
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: LONGEST_RUN_MILLISECONDS,
  })
  const status = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  )
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(status)}`)
  return Number(process.hrtime.bigint() - start) / 1e9
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  const lower = sorted[middle - 1]
  if (upper === undefined) throw new RangeError('median of nothing')
  return sorted.length % 2 === 0 && lower !== undefined ? (lower + upper) / 2 : upper
}

/** The median of `rounds` measurements, one after the other. */
export async function medianOf(rounds: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = []
  for (let i = 0; i < rounds; i++) values.push(await measure())
  return median(values)
}

/** Medians of two measurements that take turns, so that both meet the same neighbours on the machine. */
export async function inTurn(ours: () => Promise<number>, other: () => Promise<number>, rounds = ROUNDS) {
  const pairs: { ours: number; other: number }[] = []
  for (let i = 0; i < rounds; i++) pairs.push({ ours: await ours(), other: await other() })
  return { ours: median(pairs.map(pair => pair.ours)), other: median(pairs.map(pair => pair.other)) }
}
