import { randomBytes, randomInt } from 'node:crypto'
import type { Invitation } from '../sharing/share.js'
import type { User } from '../world/directory.js'
import type { App } from '../world/world.js'

/** What an application asked the sign-in page for. */
export interface AuthorizeRequest {
  readonly kind: 'authorize'
  /** As in the URL: id, domain, `organizations`, `common`, `consumers`. */
  readonly tenant: string
  readonly app: App
  readonly redirectUri: string
  readonly responseMode: 'query' | 'form_post' | 'fragment'
  readonly scopes: readonly string[]
  readonly state: string | undefined
  readonly nonce: string | undefined
  readonly codeChallenge: string | undefined
  readonly loginHint: string | undefined
  readonly wantsConsent: boolean
}

export interface DeviceRequest {
  readonly kind: 'device'
  readonly tenant: string
  readonly app: App
  readonly scopes: readonly string[]
  readonly deviceCode: string
  readonly userCode: string
  readonly expires: number
  state: 'pending' | 'declined' | User
}

/** An invitation that somebody has opened. */
export interface RedeemRequest {
  readonly kind: 'redeem'
  readonly tenant: string
  readonly app: App
  readonly invitation: Invitation
}

/** A person in front of the sign-in page. */
export interface Visit {
  readonly id: string
  readonly request: AuthorizeRequest | DeviceRequest | RedeemRequest
  user: User | undefined
  consented: boolean
}

export interface Code {
  readonly request: AuthorizeRequest
  readonly user: User
  readonly authenticated: number
  readonly expires: number
  redeemed: boolean
}

const MINUTE = 60 * 1000
/** No vowels and no look-alikes, as the service's own. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXYZ23456789'

/** Everything that is under way between an application, a person and the token endpoint. */
export class SignIns {
  readonly #visits = new Map<string, Visit>()
  readonly #codes = new Map<string, Code>()
  readonly #devices = new Map<string, DeviceRequest>()

  visit(request: Visit['request']): Visit {
    const visit: Visit = { id: secret(24), request, user: undefined, consented: false }
    this.#visits.set(visit.id, visit)
    return visit
  }

  findVisit(id: string): Visit | undefined {
    return this.#visits.get(id)
  }

  endVisit(visit: Visit): void {
    this.#visits.delete(visit.id)
  }

  issueCode(request: AuthorizeRequest, user: User, now: number): string {
    const code = `1.${secret(48)}`
    this.#codes.set(code, { request, user, authenticated: now, expires: now + 10 * MINUTE, redeemed: false })
    return code
  }

  findCode(code: string): Code | undefined {
    return this.#codes.get(code)
  }

  startDevice(tenant: string, app: App, scopes: readonly string[], now: number): DeviceRequest {
    const request: DeviceRequest = {
      kind: 'device',
      tenant,
      app,
      scopes,
      deviceCode: secret(64),
      userCode: Array.from({ length: 9 }, () => LETTERS.charAt(randomInt(LETTERS.length))).join(''),
      expires: now + 15 * MINUTE,
      state: 'pending',
    }
    this.#devices.set(request.deviceCode, request)
    return request
  }

  findDevice(deviceCode: string): DeviceRequest | undefined {
    return this.#devices.get(deviceCode)
  }

  /** What a person types: any case, dashes and spaces ignored. */
  findDeviceByUserCode(userCode: string): DeviceRequest | undefined {
    const typed = userCode.toUpperCase().replace(/[\s-]/g, '')
    return [...this.#devices.values()].find(device => device.userCode === typed)
  }

  endDevice(device: DeviceRequest): void {
    this.#devices.delete(device.deviceCode)
  }
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}
