/** Where SharePoint's own API has an item: as another organization's service says it, nothing of it checked. */
export interface SharePointPlace {
  /** Of the site that the list is in, which may be below the site collection. */
  readonly siteUrl: unknown
  readonly listId: unknown
  /** A number in decimal digits; a library's root has none. */
  readonly listItemId: unknown
}
