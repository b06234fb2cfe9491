import { Fault } from './fault.js'
import type { Bytes } from './ids.js'

/**
 * The largest file that SharePoint takes, of any plan: "250 GB". Read as 2^30 bytes each, because what Microsoft means is not
 * said and nothing that might be taken is to be refused here.
 * @see https://learn.microsoft.com/office365/servicedescriptions/sharepoint-online-service-description/sharepoint-online-limits "File size"
 */
export const LARGEST_FILE: Bytes = 250 * 1024 ** 3

/**
 * Before anything is done: a size that can never be sent costs nothing, neither the journal a row nor the disk a block.
 * @throws {Fault} `file-too-large`
 */
export function checkFileSize(size: Bytes): void {
  if (size > LARGEST_FILE) throw new Fault('file-too-large', 'SharePoint takes no file of more than 250 GB')
}
