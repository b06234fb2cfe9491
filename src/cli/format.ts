import type { Bytes, Milliseconds } from '../model/ids.js'

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const

/** `1.5 MB`: powers of 1000, as file managers show sizes. */
export function formatBytes(bytes: Bytes): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const scaled = bytes / 1000 ** power
  const digits = power > 0 && scaled < 10 ? 1 : 0
  return `${scaled.toFixed(digits)} ${UNITS[power] ?? ''}`
}

/** `5 minutes ago` */
export function formatAge(age: Milliseconds): string {
  const seconds = Math.max(0, Math.round(age / 1000))
  if (seconds < 60) return 'just now'
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${count(minutes, 'minute')} ago`
  const hours = Math.round(minutes / 60)
  if (hours < 48) return `${count(hours, 'hour')} ago`
  return `${count(Math.round(hours / 24), 'day')} ago`
}

/** `1 item`, `2,000 items` */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`
}

/** Columns padded to their widest cell, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, width(cell))))
  return rows.map(row =>
    row
      .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd(),
  )
}

const segmenter = new Intl.Segmenter()

/** Of characters as a reader counts them. East Asian wide ones count once: columns are then off, not wrong. */
function width(text: string): number {
  return [...segmenter.segment(text)].length
}

export function sentence(text: string): string {
  return /[.!?:]$/.test(text) ? text : `${text}.`
}

/** What went wrong, and what can be done, in one line. */
export function problemText({ message, nextStep = '' }: { message: string; nextStep?: string }): string {
  return `${sentence(message)} ${nextStep}`.trimEnd()
}
