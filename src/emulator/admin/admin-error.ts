/** A mistake of who called the admin address: answered as 400 with this message. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
}
