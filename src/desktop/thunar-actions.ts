import type { InsertionKind } from './insertion.js'
import { shellQuote } from '../control/shell-quote.js'

export interface ThunarAction {
  /** Never changes: by it we find our action again. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly icon: string
  readonly command: readonly string[]
  /** How many files may be selected. */
  readonly files: 'one' | 'many'
}

/**
 * `~/.config/Thunar/uca.xml`. Thunar writes it anew, in its own layout, when the user edits custom actions: so actions
 * of ours are recognised by what they hold, not by their text.
 *
 * @see https://docs.xfce.org/xfce/thunar/custom-actions
 */
export const thunarActions: InsertionKind = {
  name: 'thunar-actions',
  insert(content, block) {
    const file = parse(content)
    if (file === undefined) return undefined
    const id = fieldsOf(block).get('unique-id')
    if (file.actions.some(({ start, end }) => fieldsOf(content.slice(start, end)).get('unique-id') === id)) {
      return content
    }
    return `${content.slice(0, file.end)}${block}\n${content.slice(file.end)}`
  },
  remove(content, block) {
    const ours = fieldsOf(block)
    const found = parse(content)?.actions.find(({ start, end }) =>
      isSame(fieldsOf(content.slice(start, end)), ours),
    )
    if (found === undefined) return content
    // With the newline that was put behind it, and the indentation that Thunar may have put before it.
    const before = content.slice(0, found.start).replace(/[ \t]+$/, '')
    return before + content.slice(found.end).replace(/^[ \t]*\n/, '')
  },
}

/** What the user's file begins with where there is none, and the machine has none. */
export const NO_ACTIONS = '<?xml version="1.0" encoding="UTF-8"?>\n<actions>\n</actions>\n'

export function actionBlock({ id, name, description, icon, command, files }: ThunarAction): string {
  // '%' begins a field code.
  const program = command.map(shellQuote).join(' ').replaceAll('%', '%%')
  const fields: readonly (readonly [string, string])[] = [
    ['icon', icon],
    ['name', name],
    ['submenu', 'B2B drive'],
    ['unique-id', id],
    ['command', `${program} ${files === 'one' ? '%f' : '%F'}`],
    ['description', description],
    ['range', files === 'one' ? '1' : '*'],
    ['patterns', '*'],
  ]
  return [
    '<action>',
    ...fields.map(([field, value]) => `\t<${field}>${escapeXml(value)}</${field}>`),
    ...['directories', 'audio-files', 'image-files', 'other-files', 'text-files', 'video-files'].map(
      kind => `\t<${kind}/>`,
    ),
    '</action>',
  ].join('\n')
}

/** What makes an action do what it does. Thunar adds fields of its own when it writes the file. */
const COMPARED = ['unique-id', 'name', 'command', 'description', 'icon', 'patterns', 'submenu'] as const

function isSame(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return COMPARED.every(field => (one.get(field) ?? '') === (other.get(field) ?? ''))
}

interface Span {
  readonly start: number
  readonly end: number
}

interface ActionsFile {
  readonly actions: readonly Span[]
  /** Of `</actions>`. */
  readonly end: number
}

// A comment, CDATA, a document type with its declarations, or a tag: between them is text.
const MARKUP = /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<!DOCTYPE[^[>]*(?:\[[\s\S]*?\]\s*)?>|<[^>]*>/g

/** `undefined`: not a list of actions that Thunar would read. */
function parse(content: string): ActionsFile | undefined {
  const actions: Span[] = []
  let isOpen = false
  let start: number | undefined
  for (const { 0: markup, index } of content.matchAll(MARKUP)) {
    if (markup === '<actions>') isOpen = true
    else if (markup === '<action>' && isOpen) start = index
    else if (markup === '</action>' && start !== undefined) {
      actions.push({ start, end: index + markup.length })
      start = undefined
    } else if (markup === '</actions>' && isOpen && start === undefined) return { actions, end: index }
  }
  return undefined
}

/** The texts of an action's elements, of those without a language. */
function fieldsOf(action: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const { 1: field = '', 2: value = '' } of action.matchAll(/<([a-z-]+)>([^<]*)<\/\1>/g)) {
    fields.set(field, unescapeXml(value))
  }
  return fields
}

const ENTITIES: readonly (readonly [string, string])[] = [
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&apos;', "'"],
  ['&#39;', "'"],
  // Last, or "&amp;lt;" would become "<".
  ['&amp;', '&'],
]

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function unescapeXml(text: string): string {
  return ENTITIES.reduce((result, [entity, character]) => result.replaceAll(entity, character), text)
}
