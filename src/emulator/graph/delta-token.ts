/**
 * Where a client is in a drive's history. Looks like SharePoint's change tokens:
 * base64 of `3;%234;%231;3;{list};{.NET ticks};{change number};%23;%23;%23{n}`.
 */
export interface DeltaToken {
  readonly listId: string
  /** Of the change, milliseconds since the epoch. */
  readonly time: number
  readonly sequence: number
  /** While everything is enumerated: the serial to go on with. 0 = the enumeration is done. */
  readonly cursor: number
}

const TICKS_AT_EPOCH = 621_355_968_000_000_000n

export function encodeDeltaToken({ listId, time, sequence, cursor }: DeltaToken): string {
  const ticks = BigInt(Math.floor(time)) * 10_000n + TICKS_AT_EPOCH
  const text = `3;%234;%231;3;${listId};${ticks};${sequence};%23;%23;%23${cursor}`
  return Buffer.from(text).toString('base64url')
}

export function decodeDeltaToken(token: string): DeltaToken | undefined {
  const text = Buffer.from(token, 'base64url').toString('utf8')
  const match = /^3;%234;%231;3;([0-9a-f-]{36});(\d{18});(\d+);%23;%23;%23(\d+)$/.exec(text)
  if (!match) return undefined
  const [, listId = '', ticks = '', sequence = '', cursor = ''] = match
  const time = Number((BigInt(ticks) - TICKS_AT_EPOCH) / 10_000n)
  return { listId, time, sequence: Number(sequence), cursor: Number(cursor) }
}
