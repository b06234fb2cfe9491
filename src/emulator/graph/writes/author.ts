import type { Principal } from '../../world/directory.js'
import type { Author } from '../../world/drive.js'

export function principalAuthor({ oid, user }: Principal): Author {
  return { id: oid, email: user.upn, displayName: user.displayName }
}
