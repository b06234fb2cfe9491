import { type Exchange, header } from '../../http/exchange.js'
import type { Item } from '../../world/drive.js'
import { refuse } from '../graph-error.js'
import { cTag, eTag } from '../item-json.js'

/** What a client thinks that it changes: an eTag or a cTag, or `*`. */
export interface Conditions {
  readonly match: string | undefined
  readonly noneMatch: string | undefined
}

export function conditionsOf(exchange: Exchange): Conditions {
  return { match: header(exchange, 'if-match'), noneMatch: header(exchange, 'if-none-match') }
}

/** 412 if the item is not what the client thinks. */
export function checkConditions({ match, noneMatch }: Conditions, item: Item | undefined): void {
  const isMeant = (tag: string) =>
    item !== undefined && (tag === '*' || tag === eTag(item) || tag === cTag(item))
  if (match !== undefined && !isMeant(match)) throw modified()
  if (noneMatch !== undefined && isMeant(noneMatch)) throw modified()
}

function modified() {
  return refuse(412, 'resourceModified', "ETag does not match current item's value")
}
