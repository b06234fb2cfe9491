/**
 * Delegated permissions of Microsoft Graph. The short names mean Graph in every cloud, and Entra names them back in
 * the same form: with a host in front MSAL would not find the tokens that it has stored.
 */

/** At home nothing but the account is needed. */
export const HOME_SCOPES: readonly string[] = ['User.Read']

/**
 * Where libraries are. Reading and writing are asked for at once: a second consent by another organization's
 * administrator is hard to come by.
 */
export const LIBRARY_SCOPES: readonly string[] = ['Files.ReadWrite.All', 'Sites.Read.All']
