import { type Drive, type Item, pathOf } from '../../world/drive.js'
import { refuse } from '../graph-error.js'

/**
 * What SharePoint does not take as a name.
 *
 * https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa
 */
const FORBIDDEN = /["*:<>?/\\|\x00-\x1f]/
const RESERVED = /^(\.lock|con|prn|aux|nul|com\d|lpt\d|desktop\.ini)$/i
const LONGEST_NAME = 255
/** Of the decoded path from the site on. */
const LONGEST_PATH = 400

/** 400 for a name that cannot be in this folder. */
export function checkName(drive: Drive, parent: Item, name: string, depth = 0): void {
  if (name === '' || FORBIDDEN.test(name)) {
    throw badName('The provided name cannot contain any of the following characters: " * : < > ? / \\ |')
  }
  if (name.trim() !== name || name.endsWith('.')) {
    throw badName('The provided name cannot begin or end with a space, or end with a period.')
  }
  const isForms = !parent.parent && name.toLowerCase() === 'forms'
  if (RESERVED.test(name) || name.startsWith('~$') || name.toLowerCase().includes('_vti_') || isForms) {
    throw badName('The provided name is reserved.')
  }
  if (Buffer.from(name, 'utf8').toString('utf8') !== name) throw badName('The provided name is not valid.')
  const library = decodeURIComponent(new URL(drive.webUrl).pathname).slice(1)
  const path = [library, ...pathOf(parent), name].join('/')
  if (name.length > LONGEST_NAME || path.length + depth > LONGEST_PATH) {
    throw refuse(400, 'invalidRequest', 'The specified path is too long', { inner: 'pathIsTooLong' })
  }
}

/** How much longer the paths below a folder are than its own. */
export function depthBelow(item: Item): number {
  return item.children.reduce(
    (deepest, child) => Math.max(deepest, 1 + child.name.length + depthBelow(child)),
    0,
  )
}

/** `Report 1.docx` beside `Report.docx`. */
export function freeName(drive: Drive, parent: Item, name: string): string {
  const dot = name.lastIndexOf('.')
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  for (let i = 1; ; i++) {
    const candidate = `${stem} ${i}${ending}`
    if (!drive.child(parent, candidate)) return candidate
  }
}

export function nameTaken(message = 'Name already exists') {
  return refuse(409, 'nameAlreadyExists', message)
}

function badName(message: string) {
  return refuse(400, 'invalidRequest', message, { inner: 'invalidPath' })
}
