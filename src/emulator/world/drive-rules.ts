/** How one library is set up; the admin address changes it. */
export interface DriveRules {
  /** `undefined`: more than anybody fills. */
  quotaBytes: number | undefined
  /** Endings of names whose files SharePoint rewrites after an upload ("property promotion"). */
  promotedEndings: readonly string[]
  /** By the world's clock, after the upload was answered; 0 = before the next request. */
  promotionDelaySeconds: number
  /** Of an upload session without a sign of life. */
  uploadSessionSeconds: number
  /** A second session for a name that is being uploaded is refused. */
  oneUploadSessionPerName: boolean
  /** An Authorization at an upload URL is answered 401, as the documentation says that it may be. */
  refuseAuthorizedFragments: boolean
  /** Properties of an uploaded item that are documented for OneDrive Personal only are refused. */
  refusePersonalProperties: boolean
  /** A new fileSystemInfo puts the state before into the history. */
  versionOnTimes: boolean
  /** PATCH obeys `conflictBehavior=replace`. */
  replaceOnMove: boolean
  /** What guests are shown of `permissions`: what applies to them, nothing, or 403. */
  guestPermissions: GuestPermissions
  /** Whether items of the library have a `viewpoint` (beta). */
  viewpoint: boolean
}

export type GuestPermissions = 'own' | 'none' | 'refused'

export function defaultRules(): DriveRules {
  return {
    quotaBytes: undefined,
    promotedEndings: ['docx', 'xlsx', 'pptx'],
    promotionDelaySeconds: 0,
    uploadSessionSeconds: 15 * 60,
    oneUploadSessionPerName: true,
    refuseAuthorizedFragments: true,
    refusePersonalProperties: true,
    versionOnTimes: true,
    replaceOnMove: false,
    guestPermissions: 'own',
    viewpoint: true,
  }
}
