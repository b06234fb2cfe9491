import type { UploadSessions } from '../sharepoint/upload-sessions.js'
import type { DriveRules } from '../world/drive-rules.js'
import type { World } from '../world/world.js'
import { AdminError } from './admin-error.js'

type Body = Readonly<Record<string, unknown>>

/** How a library is set up; what the body names is changed, `null` takes a limit away. */
export function setRules(world: World, body: Body): DriveRules {
  const { rules } = requireDrive(world, body['drive']).drive
  for (const [name, value] of Object.entries(body)) {
    if (name === 'drive') continue
    if (!(name in rules)) throw new AdminError(`a library has no rule '${name}', see docs/EMULATOR.md`)
    const known = rules[name as keyof DriveRules]
    const fits =
      name === 'quotaBytes'
        ? value === null || typeof value === 'number'
        : name === 'guestPermissions'
          ? ['own', 'none', 'refused'].includes(String(value))
          : Array.isArray(known)
            ? Array.isArray(value)
            : typeof value === typeof known
    if (!fits) throw new AdminError(`the rule '${name}' takes other values`)
    Object.assign(rules, { [name]: value ?? undefined })
  }
  return rules
}

export function rulesOf(world: World, drive: string | null): DriveRules {
  return requireDrive(world, drive).drive.rules
}

/** The recycle bin of the site that a library is in. */
export function listRecycled(world: World, drive: string | null) {
  const { site } = requireDrive(world, drive)
  const items = site.recycleBin.list().map(({ item, path, by, at, drive: from }) => ({
    item: item.id,
    drive: from.id,
    path,
    kind: item.kind,
    size: item.size,
    deletedBy: by.email,
    deleted: new Date(at).toISOString(),
  }))
  return { items }
}

export function restoreRecycled(world: World, body: Body) {
  const { site, drive } = requireDrive(world, body['drive'])
  const found = site.recycleBin.list().find(each => each.drive === drive && each.item.id === body['item'])
  if (!found) throw new AdminError('no such item in the recycle bin')
  const restored = site.recycleBin.restore(found.item.guid, world.clock.now())
  if (!restored) throw new AdminError('its folder is gone, or its name taken')
  return { item: restored.id, path: found.path }
}

/** The upload sessions that have not ended. Their addresses are secrets of who began them. */
export function listUploads(sessions: UploadSessions) {
  const uploads = sessions.list().map(session => ({
    drive: session.plan.at.drive.id,
    folder: session.plan.parent,
    name: session.plan.name,
    received: session.received,
    total: session.total ?? null,
    expires: new Date(session.expires).toISOString(),
  }))
  return { uploads }
}

function requireDrive(world: World, id: unknown) {
  const placed = world.drive(String(id))
  if (!placed) throw new AdminError('no such drive')
  return placed
}
