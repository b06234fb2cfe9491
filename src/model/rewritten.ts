// SharePoint writes properties of the list item into these after an upload: size and hash are others then
// (onedrive-api-docs #935; reference C2, G13).
const REWRITTEN =
  /\.(do[ct][xm]?|xl[st][xmb]?|pp[st][xm]?|pot[xm]?|vsd[xm]?|one|pdf|html?|aspx|jpe?g|msg|eml)$/i

/** Whether SharePoint makes something else of what it is sent. */
export function isRewritten(name: string): boolean {
  return REWRITTEN.test(name)
}
