import type { CertificateInfo } from '../../../observability/index.ts'
import type { NativeCertificate } from './engine.ts'

interface Sans {
  /** In the order of the certificate. */
  readonly all: readonly string[]
  readonly uri: readonly string[]
  readonly dns: readonly string[]
  readonly ip: readonly string[]
  readonly email: readonly string[]
  readonly otherName: readonly string[]
}

const NO_SANS: Sans = { all: [], uri: [], dns: [], ip: [], email: [], otherName: [] }

/** One certificate of a connection, read field by field as somebody asks. */
export class Certificate implements CertificateInfo {
  private readonly native: NativeCertificate
  private parsed: Sans | null = null

  constructor(native: NativeCertificate) {
    this.native = native
  }

  get subject(): string {
    return rfc2253(this.native.subject() ?? '')
  }

  get issuer(): string {
    return rfc2253(this.native.issuer() ?? '')
  }

  get serialNumber(): string {
    return serialText(this.native.serialNumber())
  }

  get sha256(): string {
    return plainHex(this.native.fingerprint256())
  }

  get sha1(): string {
    return plainHex(this.native.fingerprint())
  }

  get validFromMs(): number {
    return Date.parse(this.native.validFrom())
  }

  get validToMs(): number {
    return Date.parse(this.native.validTo())
  }

  private get allSans(): Sans {
    this.parsed ??= parseSans(this.native.subjectAltName())
    return this.parsed
  }

  get sans(): readonly string[] {
    return this.allSans.all
  }

  get uriSans(): readonly string[] {
    return this.allSans.uri
  }

  get dnsSans(): readonly string[] {
    return this.allSans.dns
  }

  get ipSans(): readonly string[] {
    return this.allSans.ip
  }

  get emailSans(): readonly string[] {
    return this.allSans.email
  }

  get otherNameSans(): readonly string[] {
    return this.allSans.otherName
  }

  get pem(): string {
    return this.native.pem()
  }

  get urlEncodedPem(): string {
    return urlEncodePem(this.native.pem())
  }

  get der(): Buffer {
    return this.native.raw()
  }

  /** Base64 of the digest of the public key, as pins name it. */
  get spkiSha256(): string {
    const { createHash, X509Certificate } = process.getBuiltinModule('node:crypto')
    const key = new X509Certificate(this.der).publicKey.export({ type: 'spki', format: 'der' })
    return createHash('sha256').update(key).digest('base64')
  }

  /** Certificates that the peer has sent between its own and a root. */
  get intermediates(): number {
    let count = 0
    for (let one = this.next; one !== null; one = one.next) if (one.subject !== one.issuer) count++
    return count
  }

  /** Certificates that the peer has sent, and the root where it is known. */
  get chainLength(): number {
    let count = 1
    for (let one = this.next; one !== null; one = one.next) count++
    return count
  }

  /** The next of the certificates that the peer has sent. */
  get next(): Certificate | null {
    const issuer = this.native.getIssuerCert()
    return issuer === undefined ? null : new Certificate(issuer)
  }
}

export const plainHex = (text: string): string => text.replaceAll(':', '').toLowerCase()

/** As BoringSSL prints numbers: lower case, without leading zero bytes. */
function serialText(hex: string): string {
  return hex.toLowerCase()
}

/**
 * 'C=US\nO=a\nCN=b', the way OpenSSL is asked for it by Node.js, as RFC 2253 wants it: 'CN=b,O=a,C=US'. The values are
 * escaped already, but for what is beyond ASCII.
 */
export function rfc2253(lines: string): string {
  if (lines === '') return ''
  const parts = lines.split('\n').reverse()
  return parts.map(part => escapeBeyondAscii(part.replaceAll(' + ', '+'))).join(',')
}

function escapeBeyondAscii(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text
  let out = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    out += byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}

/** What a PEM has besides unreserved characters, percent-encoded as Envoy does it. */
export function urlEncodePem(pem: string): string {
  return pem.replace(
    /[\n +/=]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** Reads 'DNS:a, URI:b, IP Address:1.2.3.4'; values with anything special in them stand there as JSON strings. */
export function parseSans(text: string | undefined): Sans {
  if (text === undefined || text === '') return NO_SANS
  const sans = {
    all: [] as string[],
    uri: [] as string[],
    dns: [] as string[],
    ip: [] as string[],
    email: [] as string[],
    otherName: [] as string[],
  }
  for (const [, kind, value] of text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)) {
    const plain = value!.startsWith('"') ? (JSON.parse(value!) as string) : value!
    sans.all.push(kind === 'IP Address' ? compressIp(plain) : plain)
    if (kind === 'URI') sans.uri.push(plain)
    else if (kind === 'DNS') sans.dns.push(plain)
    else if (kind === 'IP Address') sans.ip.push(compressIp(plain))
    else if (kind === 'email') sans.email.push(plain)
    else if (kind === 'othername') sans.otherName.push(plain)
  }
  return sans
}

/** OpenSSL prints all eight groups of an IPv6 address; URL writes the short form. */
function compressIp(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}
