import { populateTeamLibrary } from '../../src/emulator/world/populate.js'
import type { Ask, Lab, Reply } from './helpers.js'

/** Drive id by the library's name. */
export function driveId(lab: Lab, name: string): string {
  const drives = lab.emulator.world.sites.flatMap(site => site.libraries)
  return drives.find(drive => drive.name === name)?.id ?? ''
}

let made = 0

/** A library of Contoso's site Design that nobody has touched, filled as *Documents* is; Ann may write to it. */
export function newLibrary(lab: Lab): string {
  const site = lab.emulator.world.sites.find(each => each.path === '/sites/Design')
  const author = site?.libraries[0]?.author
  if (!site || !author) throw new Error('the world has no site Design')
  return site.addLibrary('Documents', `Documents ${++made}`, author, populateTeamLibrary).id
}

/** A client that changes one library; errors as they come. */
export class Writer {
  readonly #lab: Lab
  readonly #token: string
  readonly drive: string

  constructor(lab: Lab, token: string, drive: string) {
    this.#lab = lab
    this.#token = token
    this.drive = drive
  }

  ask(method: string, path: string, body?: object | string | Buffer, headers: Ask['headers'] = {}) {
    const isJson = typeof body === 'object' && !Buffer.isBuffer(body)
    return this.#lab.graph(this.#token, `/drives/${this.drive}/${path}`, {
      method,
      headers: { ...(isJson && { 'Content-Type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : body }),
    })
  }

  get(path: string): Promise<Reply> {
    return this.ask('GET', path)
  }

  put(path: string, body: string | Buffer, headers: Ask['headers'] = {}): Promise<Reply> {
    const [name = '', query] = path.split('?')
    return this.ask('PUT', `root:/${name}:/content${query === undefined ? '' : `?${query}`}`, body, headers)
  }

  /** An uploadUrl for a path. */
  async session(path: string, body: object = {}, headers: Ask['headers'] = {}): Promise<string> {
    const reply = await this.ask('POST', `root:/${path}:/createUploadSession`, body, headers)
    if (reply.status !== 200) throw new Error(reply.text)
    return String(reply.json['uploadUrl'])
  }

  /** As any client sends it: without Authorization. */
  fragment(url: string, whole: Buffer, start: number, end: number, headers: Ask['headers'] = {}) {
    return this.#lab.ask(url, {
      method: 'PUT',
      headers: { 'Content-Range': `bytes ${start}-${end - 1}/${whole.length}`, ...headers },
      body: whole.subarray(start, end),
    })
  }

  async text(path: string): Promise<string> {
    const item = await this.get(`root:/${path}`)
    return (await this.#lab.ask(item.json['@microsoft.graph.downloadUrl'])).text
  }
}
