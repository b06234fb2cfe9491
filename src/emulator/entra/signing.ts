import { createHmac, randomBytes, timingSafeEqual, type webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as jose from 'jose'
import { writeSafely } from '../certificates.js'

interface Stored {
  readonly privateKey: jose.JWK
  readonly secret: string
}

/**
 * The keys that tokens and download URLs are signed with. They stay in the state directory:
 * whoever signed in before a restart still is afterwards.
 */
export class Signing {
  readonly keyId: string
  readonly publicJwk: jose.JWK
  readonly #privateKey: webcrypto.CryptoKey
  readonly #publicKey: webcrypto.CryptoKey
  readonly #secret: Buffer

  private constructor(
    stored: Stored,
    privateKey: webcrypto.CryptoKey,
    publicKey: webcrypto.CryptoKey,
    keyId: string,
  ) {
    this.#privateKey = privateKey
    this.#publicKey = publicKey
    this.#secret = Buffer.from(stored.secret, 'base64')
    this.keyId = keyId
    const { kty, n, e } = stored.privateKey
    this.publicJwk = { kty: kty ?? 'RSA', use: 'sig', kid: keyId, alg: 'RS256', n: n ?? '', e: e ?? '' }
  }

  static async load(directory: string): Promise<Signing> {
    const path = join(directory, 'signing-keys.json')
    const stored = await readStored(path)
    const kept = stored ?? (await makeStored())
    if (!stored) await writeSafely(path, JSON.stringify(kept))
    const { kty, n, e } = kept.privateKey
    const publicJwk = { kty: kty ?? 'RSA', n: n ?? '', e: e ?? '' }
    const keyId = await jose.calculateJwkThumbprint(publicJwk)
    return new Signing(kept, await importKey(kept.privateKey), await importKey(publicJwk), keyId)
  }

  async signJwt(payload: jose.JWTPayload): Promise<string> {
    return new jose.SignJWT(payload)
      .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: this.keyId })
      .sign(this.#privateKey)
  }

  /** `undefined` if it is not ours. Expiry is the caller's: it goes by the world's clock. */
  async verifyJwt(token: string): Promise<jose.JWTPayload | undefined> {
    try {
      return (
        await jose.jwtVerify(token, this.#publicKey, { currentDate: new Date(0), clockTolerance: 1e12 })
      ).payload
    } catch {
      return undefined
    }
  }

  /** For what only we read: refresh tokens and `tempauth`. Three parts, as a JWT has. */
  seal(payload: object): string {
    const head = Buffer.from('{"typ":"JWT","alg":"HS256"}').toString('base64url')
    const body = `${head}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`
    return `${body}.${this.#mac(body).toString('base64url')}`
  }

  unseal(token: string): unknown {
    const cut = token.lastIndexOf('.')
    const mac = Buffer.from(token.slice(cut + 1), 'base64url')
    const expected = this.#mac(token.slice(0, cut))
    if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return undefined
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#secret).update(text).digest()
  }
}

async function importKey(jwk: jose.JWK): Promise<webcrypto.CryptoKey> {
  const key = await jose.importJWK(jwk, 'RS256')
  if (key instanceof Uint8Array) throw new TypeError('an RSA key was expected')
  return key
}

async function makeStored(): Promise<Stored> {
  const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true })
  return { privateKey: await jose.exportJWK(privateKey), secret: randomBytes(32).toString('base64') }
}

async function readStored(path: string): Promise<Stored | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Stored
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw failure
  }
}
