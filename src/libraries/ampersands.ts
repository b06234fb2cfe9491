/**
 * A query whose `&` were copied out of HTML, as `&amp;` or by number. An entity that belongs to a name is
 * percent-encoded in a query, so none is mistaken.
 */
export function plainAmpersands(query: string): string {
  return query.replace(/&(?:amp|#0*38|#x0*26);/gi, '&')
}
