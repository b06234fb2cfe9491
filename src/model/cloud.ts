/**
 * The hosts of one Microsoft cloud. Guests cannot cross clouds.
 * An emulator writes the same shape to its `cloud.json`.
 */
export interface Cloud {
  /** Names the state folder: accounts and libraries of different clouds never meet. Letters, digits, '-'. */
  readonly name: string
  /** `login.microsoftonline.com` */
  readonly loginHost: string
  /** `graph.microsoft.com` */
  readonly graphHost: string
  /** With the leading dot: `.sharepoint.com` */
  readonly sharePointSuffix: string
  /** Application (client) id of the app registration that users consent to. */
  readonly clientId: string
  /**
   * For an emulator only: every connection goes to this address instead of where DNS says.
   * The URLs, Host headers and certificate checks stay those of the real hosts.
   */
  readonly connectTo?: { readonly address: string; readonly port: number }
  /** For an emulator only: PEM file of the one certificate authority to trust. Absolute path. */
  readonly caFile?: string
}
