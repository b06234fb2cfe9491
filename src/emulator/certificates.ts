import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 24 * 60 * 60 * 1000

export interface Certificates {
  /** PEM, for clients to trust. */
  readonly caFile: string
  /** PEM: leaf, then authority. */
  readonly chain: string
  readonly key: string
}

/**
 * A certificate for `hosts`, signed by an authority of our own. The authority stays in
 * `directory`, so that a client that trusts it keeps doing so after a restart.
 */
export async function makeCertificates(directory: string, hosts: readonly string[]): Promise<Certificates> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const caFile = join(directory, 'ca.pem')
  const authority = (await loadAuthority(directory)) ?? (await makeAuthority(directory))
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: 'CN=b2bmount emulator',
    issuer: authority.certificate.subject,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + 365 * DAY),
    signingKey: authority.key,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...hosts.map(value => ({ type: 'dns' as const, value })),
        { type: 'ip' as const, value: '127.0.0.1' },
      ]),
    ],
  })
  return {
    caFile,
    chain: leaf.toString('pem') + '\n' + authority.certificate.toString('pem') + '\n',
    key: await toPem(keys.privateKey),
  }
}

interface Authority {
  readonly certificate: x509.X509Certificate
  readonly key: webcrypto.CryptoKey
}

async function makeAuthority(directory: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: 'CN=b2bmount emulator authority',
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + 3650 * DAY),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  await writeSafely(join(directory, 'ca-key.pem'), await toPem(keys.privateKey))
  await writeSafely(join(directory, 'ca.pem'), certificate.toString('pem') + '\n')
  return { certificate, key: keys.privateKey }
}

async function loadAuthority(directory: string): Promise<Authority | undefined> {
  try {
    const certificate = new x509.X509Certificate(await readFile(join(directory, 'ca.pem'), 'utf8'))
    const pem = await readFile(join(directory, 'ca-key.pem'), 'utf8')
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    const key = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign'])
    return { certificate, key }
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw failure
  }
}

async function toPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`
}

function randomSerial(): string {
  return '01' + Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')
}

/** Another process that starts at the same time sees a whole file or none. */
export async function writeSafely(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, text, { mode: 0o600 })
  await rename(temporary, path)
}
