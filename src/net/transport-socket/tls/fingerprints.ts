// JA3 and JA4: what kind of client says hello, by the order and number of what it offers.
import { clientHelloBody, Reader } from './client-hello.ts'

const SERVER_NAME = 0
const SUPPORTED_GROUPS = 10
const POINT_FORMATS = 11
const SIGNATURE_ALGORITHMS = 13
const ALPN = 16
const SUPPORTED_VERSIONS = 43
const MOST_COUNTED = 99
const HASH_CHARS = 12
const NOTHING = '0'.repeat(HASH_CHARS)

/** What fingerprints are made of; without GREASE (RFC 8701) unless it says so. */
interface Offer {
  readonly legacyVersion: number
  readonly version: number
  readonly ciphers: readonly number[]
  readonly extensions: readonly number[]
  /** With GREASE: as Envoy, JA3 has it here. */
  readonly groups: readonly number[]
  readonly pointFormats: readonly number[]
  readonly signatureAlgorithms: readonly number[]
  /** The first one; null: none. */
  readonly alpn: Buffer | null
}

const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff)

function numbers(list: Buffer): number[] {
  const reader = new Reader(list)
  const found: number[] = []
  while (reader.left > 0) {
    const value = reader.number(2)
    if (!reader.broken) found.push(value)
  }
  return found
}

const meant = (list: Buffer): number[] => numbers(list).filter(value => !isGrease(value))

/** Null for bytes that begin no ClientHello. */
function readOffer(bytes: Buffer): Offer | null {
  const body = clientHelloBody(bytes)
  if (typeof body === 'string') return null
  const reader = new Reader(body)
  const legacyVersion = reader.number(2)
  reader.skip(32)
  reader.vector(1)
  const ciphers = meant(reader.vector(2))
  reader.vector(1)
  const list = new Reader(reader.left > 0 ? reader.vector(2) : Buffer.alloc(0))
  const extensions: number[] = []
  const contents = new Map<number, Buffer>()
  while (list.left > 0) {
    const type = list.number(2)
    const content = list.vector(2)
    if (isGrease(type)) continue
    extensions.push(type)
    contents.set(type, content)
  }
  const content = (type: number, lengthBytes: 1 | 2): Buffer => {
    const found = contents.get(type)
    return found === undefined ? Buffer.alloc(0) : new Reader(found).vector(lengthBytes)
  }
  const protocols = content(ALPN, 2)
  return {
    legacyVersion,
    version: Math.max(legacyVersion, ...meant(content(SUPPORTED_VERSIONS, 1))),
    ciphers,
    extensions,
    groups: numbers(content(SUPPORTED_GROUPS, 2)),
    pointFormats: [...content(POINT_FORMATS, 1)],
    signatureAlgorithms: meant(content(SIGNATURE_ALGORITHMS, 2)),
    alpn: protocols.length === 0 ? null : new Reader(protocols).vector(1),
  }
}

const hash = (algorithm: 'md5' | 'sha256', text: string): string =>
  process.getBuiltinModule('node:crypto').createHash(algorithm).update(text).digest('hex')

export function ja3Fingerprint(bytes: Buffer): string | null {
  const offer = readOffer(bytes)
  if (offer === null) return null
  const { legacyVersion, ciphers, extensions, groups, pointFormats } = offer
  const lists = [ciphers, extensions, groups, pointFormats].map(list => list.join('-'))
  return hash('md5', [legacyVersion, ...lists].join(','))
}

const VERSIONS: Readonly<Record<number, string>> = { 772: '13', 771: '12', 770: '11', 769: '10', 768: 's3' }

const twoDigits = (count: number): string => String(Math.min(count, MOST_COUNTED)).padStart(2, '0')
const hex = (value: number): string => value.toString(16).padStart(4, '0')
const shortHash = (text: string): string => (text === '' ? NOTHING : hash('sha256', text).slice(0, HASH_CHARS))

/** First and last character of the protocol, or of its hex digits where it is no plain text. */
function alpnMark(alpn: Buffer | null): string {
  if (alpn === null || alpn.length === 0) return '00'
  const ends = String.fromCharCode(alpn[0]!, alpn[alpn.length - 1]!)
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends
  const digits = alpn.toString('hex')
  return digits[0]! + digits[digits.length - 1]!
}

export function ja4Fingerprint(bytes: Buffer): string | null {
  const offer = readOffer(bytes)
  if (offer === null) return null
  const { version, ciphers, extensions, signatureAlgorithms, alpn } = offer
  const name = extensions.includes(SERVER_NAME) ? 'd' : 'i'
  const counts = twoDigits(ciphers.length) + twoDigits(extensions.length)
  const head = `t${VERSIONS[version] ?? '00'}${name}${counts}${alpnMark(alpn)}`
  const kinds = extensions.filter(type => type !== SERVER_NAME && type !== ALPN)
  const sorted = (list: readonly number[]): string => list.map(hex).sort().join(',')
  const algorithms = signatureAlgorithms.map(hex).join(',')
  const tail = kinds.length === 0 ? '' : sorted(kinds) + (algorithms === '' ? '' : `_${algorithms}`)
  return `${head}_${shortHash(sorted(ciphers))}_${shortHash(tail)}`
}
