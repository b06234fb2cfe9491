/** One step of a Graph path; `path` when it is followed by `:/a/b:`. */
export interface Segment {
  readonly name: string
  readonly path: readonly string[] | undefined
}

/**
 * Splits `/drives/x/root:/a/b.txt:/content` into `drives`, `x`, `root` with path [a, b.txt], `content`.
 * The closing colon may be missing at the end.
 */
export function parseSegments(rawPath: string): Segment[] {
  const raw = rawPath.split('/').filter(part => part !== '')
  const segments: Segment[] = []
  for (let i = 0; i < raw.length; i++) {
    const part = raw[i] ?? ''
    if (!part.endsWith(':')) {
      segments.push({ name: decode(part), path: undefined })
      continue
    }
    const path: string[] = []
    while (++i < raw.length) {
      const step = raw[i] ?? ''
      const closes = step.endsWith(':')
      const name = decode(closes ? step.slice(0, -1) : step)
      if (name !== '') path.push(name)
      if (closes) break
    }
    segments.push({ name: decode(part.slice(0, -1)), path })
  }
  return segments
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `delta(token='x')` → name `delta`, argument `x`. */
export function functionCall(segment: string): { name: string; argument: string | undefined } {
  const match = /^([\w.]+)\((?:\w+=)?'?(.*?)'?\)$/.exec(segment)
  return match ? { name: match[1] ?? '', argument: match[2] } : { name: segment, argument: undefined }
}

/** `u!…`: the encoded address of something shared. */
export function decodeShareId(id: string): string | undefined {
  if (!id.startsWith('u!')) return undefined
  const url = Buffer.from(id.slice(2), 'base64url').toString('utf8')
  return URL.canParse(url) ? url : undefined
}

export function encodeShareId(url: string): string {
  return 'u!' + Buffer.from(url, 'utf8').toString('base64url')
}
