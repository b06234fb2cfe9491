import type { DriveItem } from './drive-item.js'
import type { DriveId, ItemId, ItemKey, TenantId } from './ids.js'

/** A SharePoint site. */
export interface Site {
  /** Graph's three-part id: `host,siteCollectionGuid,webGuid`. */
  readonly id: string
  readonly name: string
  readonly webUrl: string
}

/** A document library, seen as a drive. */
export interface Drive {
  readonly id: DriveId
  readonly name: string
  readonly webUrl: string
  /** `personal` is a consumer's OneDrive, `business` an employee's. */
  readonly kind: 'personal' | 'business' | 'documentLibrary' | 'unknown'
  /** Display name of the person or group that owns the drive. */
  readonly owner: string | undefined
}

/** What an address led to. */
export interface SharedItem {
  readonly key: ItemKey
  readonly item: DriveItem
  readonly isDriveRoot: boolean
  /** Site collection GUID or three-part id, where the answer had one. */
  readonly siteId: string | undefined
}

/** What a sharing link allows, as far as we may see it. */
export interface LinkTerms {
  readonly scope: 'anonymous' | 'organization' | 'users' | 'existingAccess' | 'unknown'
  readonly blocksDownload: boolean
}

/**
 * What adding a library needs of the cloud. Implemented by `graph/sharing.ts`.
 * Every method throws {@link Fault}: `item-not-found`, `access-denied`, `sign-in-required`, what the sign-in of the
 * tenant refuses (`not-a-guest`, `consent-required`, …), and the network's.
 */
export interface RemoteSharing {
  /** Redeems the link, as opening it in a browser would. Takes sharing links and plain addresses. */
  followLink(tenant: TenantId, url: string, signal: AbortSignal): Promise<SharedItem>
  /** `undefined` where we may not see the terms. */
  linkTerms(tenant: TenantId, url: string, signal: AbortSignal): Promise<LinkTerms | undefined>
  /** @param path server-relative, decoded: `/sites/Team`; '' or '/' for the root site */
  siteByPath(tenant: TenantId, host: string, path: string, signal: AbortSignal): Promise<Site>
  siteById(tenant: TenantId, siteId: string, signal: AbortSignal): Promise<Site>
  defaultDrive(tenant: TenantId, site: Site, signal: AbortSignal): Promise<Drive>
  drives(tenant: TenantId, site: Site, signal: AbortSignal): Promise<readonly Drive[]>
  driveOfList(tenant: TenantId, siteId: string, listId: string, signal: AbortSignal): Promise<Drive>
  drive(tenant: TenantId, drive: DriveId, signal: AbortSignal): Promise<Drive>
  /** @param path below the drive's root, decoded, without a leading slash; '' for the root itself */
  itemByPath(tenant: TenantId, drive: DriveId, path: string, signal: AbortSignal): Promise<SharedItem>
  itemById(tenant: TenantId, drive: DriveId, item: ItemId, signal: AbortSignal): Promise<SharedItem>
  /** The tenant's display name; `undefined` where it is not shown to guests. */
  organizationName(tenant: TenantId, signal: AbortSignal): Promise<string | undefined>
}
