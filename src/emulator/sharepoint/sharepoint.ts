import type { SignIns } from '../entra/sign-ins.js'
import type { Tokens } from '../entra/tokens.js'
import type { Graph } from '../graph/graph.js'
import { type Answer, empty, json, Refusal, withHeaders } from '../http/answer.js'
import { type Exchange, header } from '../http/exchange.js'
import { notEmulated, type Route } from '../http/route.js'
import type { Tenant } from '../world/directory.js'
import type { Role, Site } from '../world/site.js'
import type { World } from '../world/world.js'
import { download } from './download.js'
import type { DownloadUrls } from './download-urls.js'
import { FORMS_PAGE, Sessions } from './sessions.js'
import { WebPages } from './web-pages.js'
import type { UploadEndpoint } from './upload-endpoint.js'

export interface SharePointDeps {
  readonly world: World
  readonly tokens: Tokens
  readonly graph: Graph
  readonly downloadUrls: DownloadUrls
  readonly signIns: SignIns
  readonly uploads: UploadEndpoint
}

/** `{tenant}.sharepoint.com` and `{tenant}-my.sharepoint.com`. */
export class SharePoint {
  readonly #deps: SharePointDeps
  readonly #sessions: Sessions
  readonly #webPages: WebPages

  constructor(deps: SharePointDeps) {
    this.#deps = deps
    this.#sessions = new Sessions(deps)
    this.#webPages = new WebPages({ world: deps.world, sessions: this.#sessions })
  }

  /** @param ignoreRange a fault that downloads know */
  route(exchange: Exchange, tenant: Tenant, ignoreRange: () => boolean): Route {
    const { path, method } = exchange
    const route = (name: string, run: () => Promise<Answer> | Answer): Route => ({
      name,
      run: () => finish(run),
    })
    if (path.endsWith('/_vti_bin/client.svc')) return route('realm', () => realm(tenant))
    const { uploads } = this.#deps
    if (uploads.serves(exchange)) {
      const upload = uploads.route(exchange)
      return { ...upload, run: () => finish(() => upload.run()) }
    }
    if (this.#deps.graph.serves(exchange)) return this.#deps.graph.route(exchange)
    const reads = method === 'GET' || method === 'HEAD'
    if (reads && path.endsWith('/_layouts/15/download.aspx')) {
      const subject = this.#deps.downloadUrls.read(exchange.query.get('tempauth') ?? '')
      return {
        ...route('download', () => download(this.#deps, exchange, ignoreRange())),
        ...(subject && { drive: subject.drive, item: subject.item }),
      }
    }
    if (method === 'POST' && path === FORMS_PAGE) {
      return route('signed-in', () => this.#sessions.answered(exchange))
    }
    const api = path.indexOf('/_api/web')
    if (reads && api >= 0) {
      return route('sharepoint-rest', () => this.#rest(exchange, path.slice(0, api), path.slice(api)))
    }
    if (reads && !path.includes('/_')) return route('browser', () => this.#webPages.browse(exchange, tenant))
    return notEmulated(`${method} https://${exchange.host}${path}`)
  }

  /** The little of SharePoint's own REST API that wakes a guest up and tells its rights. */
  async #rest(exchange: Exchange, sitePath: string, call: string): Promise<Answer> {
    const caller = await this.#deps.tokens.caller(header(exchange, 'authorization'))
    if (typeof caller === 'string' || caller.audience !== `https://${exchange.host}`) {
      return empty(401, { 'WWW-Authenticate': 'Bearer realm="", error="invalid_token"' })
    }
    const at = this.#deps.world.siteAt(exchange.host, decodeURIComponent(sitePath))
    if (at?.rest !== '' || at.site.tenant !== caller.tenant) return restError(404, 'File Not Found.')
    if (!at.site.hasLimitedAccess(caller.principal)) {
      return restError(403, 'Attempted to perform an unauthorized operation.')
    }
    caller.principal.sharePointKnows = true
    if (call === '/_api/web') return json(200, webJson(at.site, exchange.query.get('$select')))
    const asked =
      /^\/_api\/web\/lists\('([0-9a-f-]{36})'\)(?:\/items\((\d+)\))?\/EffectiveBasePermissions$/i.exec(call)
    const drive = at.site.libraries.find(each => each.listId === asked?.[1]?.toLowerCase())
    if (!asked || !drive) return restError(501, `The emulator does not emulate: GET ${call}`)
    const serial = Number(asked[2] ?? 0) // an item's list id is its serial; the root's is 0
    const [item] = drive.enumerate(serial)
    if (item?.serial !== serial) return restError(404, 'Item does not exist.')
    return json(200, basePermissions(at.site.itemRole(caller.principal, drive, item)))
  }
}

/** Tells the tenant of a host to anybody who asks without a token. */
function realm(tenant: Tenant): Answer {
  return empty(401, {
    'WWW-Authenticate':
      `Bearer realm="${tenant.id}",client_id="00000003-0000-0ff1-ce00-000000000000",` +
      'trusted_issuers="00000001-0000-0000-c000-000000000000@*,https://sts.windows.net/*/,' +
      '00000003-0000-0ff1-ce00-000000000000@90140122-8516-11e1-8eff-49304924019b",' +
      'authorization_uri="https://login.windows.net/common/oauth2/authorize"',
  })
}

function webJson(site: Site, select: string | null) {
  const all: Record<string, unknown> = {
    Id: site.webId,
    Title: site.title,
    Url: site.webUrl,
    ServerRelativeUrl: site.path === '' ? '/' : site.path,
  }
  const names = select?.split(',')
  return {
    'odata.metadata': `${site.webUrl}/_api/$metadata#SP.ApiData.Webs/@Element`,
    ...Object.fromEntries(Object.entries(all).filter(([name]) => !names || names.includes(name))),
  }
}

/** Masks of the permission levels Read, Contribute and Full Control. */
function basePermissions(role: Role | undefined) {
  switch (role) {
    case undefined:
      return { High: '0', Low: '0' }
    case 'read':
      return { High: '176', Low: '138612833' }
    case 'write':
      return { High: '432', Low: '1011030767' }
    case 'owner':
      return { High: '2147483647', Low: '4294967295' }
  }
}

function restError(status: number, value: string): Answer {
  return json(status, { 'odata.error': { code: `-1, emulator`, message: { lang: 'en-US', value } } })
}

async function finish(run: () => Promise<Answer> | Answer): Promise<Answer> {
  let answer: Answer
  try {
    answer = await run()
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure
    answer = failure.answer
  }
  return withHeaders(answer, {
    MicrosoftSharePointTeamServices: '16.0.0.26000',
    'X-MS-InvokeApp': '1; RequireReadOnly',
  })
}
