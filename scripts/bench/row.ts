/** What stands beside a figure, in the figure's own measure (microseconds, seconds, bytes a second …). */
export interface Beside {
  readonly ext4?: number
  readonly curl?: number
  readonly rclone?: number
  readonly fuseNative?: number
}

/** One figure. `--json` writes these. */
export interface Row {
  readonly id: string
  /** Median of the runs, in `unit`. */
  readonly value: number
  readonly unit: string
  /** What the project promises, in words. */
  readonly reach: string
  readonly met: boolean
  /** Medians of the same work done by others in the same run, in `unit`. */
  readonly beside: Beside
  /** What else was seen: ratios, requests, bytes. */
  readonly notes: readonly string[]
}

export function printRows(rows: readonly Row[]): void {
  for (const row of rows) {
    const others = Object.entries(row.beside as Readonly<Record<string, number>>).map(
      ([name, value]) => `${name} ${format(value)}`,
    )
    console.log(`${row.met ? 'met   ' : 'MISSED'} ${row.id.padEnd(14)} ${format(row.value)} ${row.unit}`)
    console.log(`       reach: ${row.reach}`)
    if (others.length > 0) console.log(`       beside: ${others.join(', ')}`)
    for (const note of row.notes) console.log(`       ${note}`)
  }
}

export function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

export function ratios(value: number, beside: Beside): string[] {
  return Object.entries(beside).map(([name, other]) => ratio(name, value / Number(other)))
}

export function ratio(name: string, value: number): string {
  return `ratio to ${name}: ${format(value)}`
}
