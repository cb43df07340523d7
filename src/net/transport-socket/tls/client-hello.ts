// The first message of TLS (RFC 8446, 4.1.2), as far as filter chains are chosen by it.

export interface ClientHello {
  /** Lower case; null: none sent. */
  readonly serverName: string | null
  readonly applicationProtocols: readonly string[]
  /** The client takes certificates with elliptic-curve keys, as far as a server of TLS 1.3 is concerned. */
  readonly acceptsEcdsa: boolean
  /** The same by its ciphers and curves, which is what counts up to TLS 1.2. */
  readonly acceptsEcdsaBefore13: boolean
  /** The client asks for an OCSP response. */
  readonly wantsOcsp: boolean
}

/** 'more': it has begun; 'none': these bytes are no ClientHello. */
export type ClientHelloResult = ClientHello | 'more' | 'none'

const HANDSHAKE_RECORD = 22
const CLIENT_HELLO = 1
const RECORD_HEADER_BYTES = 5
const MAX_RECORD_BYTES = 16384
const SERVER_NAME_EXTENSION = 0
const STATUS_REQUEST_EXTENSION = 5
const SIGNATURE_ALGORITHMS_EXTENSION = 13
const ALPN_EXTENSION = 16
const SUPPORTED_GROUPS_EXTENSION = 10
const SUPPORTED_VERSIONS_EXTENSION = 43
/** secp256r1 */
const CURVES: ReadonlySet<number> = new Set([23])
/** TLS_ECDHE_ECDSA_WITH_* */
const ECDSA_CIPHERS: ReadonlySet<number> = new Set([
  0xc009, 0xc00a, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xcca9,
])
/** ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ecdsa_secp521r1_sha512 */
const ECDSA_ALGORITHMS: ReadonlySet<number> = new Set([0x0403, 0x0503, 0x0603])

/** Reads a ClientHello, which may be spread over several records, from the front of `bytes`. */
export function parseClientHello(bytes: Buffer): ClientHelloResult {
  const body = clientHelloBody(bytes)
  return typeof body === 'string' ? body : parseBody(body)
}

/** The message itself, without the heads of records and handshake. */
export function clientHelloBody(bytes: Buffer): Buffer | 'more' | 'none' {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE_RECORD) return 'none'
  if (bytes.length > 1 && bytes[1] !== 3) return 'none'
  const { message, ended } = collectRecords(bytes)
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return 'none'
  const end = message.length < 4 ? 4 : 4 + message.readUIntBE(1, 3)
  if (message.length < end) return ended ? 'none' : 'more'
  return message.subarray(4, end)
}

/** The handshake bytes at the front; `ended`: a record of another kind follows, as early data does behind a whole hello. */
function collectRecords(bytes: Buffer): { readonly message: Buffer; readonly ended: boolean } {
  const parts: Buffer[] = []
  let at = 0
  let ended = false
  while (bytes.length - at >= RECORD_HEADER_BYTES && !ended) {
    const size = bytes.readUInt16BE(at + 3)
    ended = bytes[at] !== HANDSHAKE_RECORD || size === 0 || size > MAX_RECORD_BYTES
    if (!ended) parts.push(bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + size))
    at += RECORD_HEADER_BYTES + size
  }
  return { message: parts.length === 1 ? parts[0]! : Buffer.concat(parts), ended }
}

/** Walks length-prefixed vectors; reading over the end marks the message as broken. */
export class Reader {
  private readonly bytes: Buffer
  private at = 0
  broken = false

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get left(): number {
    return this.broken ? 0 : this.bytes.length - this.at
  }

  number(size: 1 | 2): number {
    const from = this.at
    this.skip(size)
    return this.broken ? 0 : this.bytes.readUIntBE(from, size)
  }

  skip(size: number): void {
    if (this.at + size > this.bytes.length) this.broken = true
    else this.at += size
  }

  vector(lengthBytes: 1 | 2): Buffer {
    const size = this.number(lengthBytes)
    const from = this.at
    this.skip(size)
    return this.broken ? this.bytes.subarray(0, 0) : this.bytes.subarray(from, from + size)
  }
}

function parseBody(body: Buffer): ClientHelloResult {
  const reader = new Reader(body)
  reader.skip(2 + 32)
  reader.vector(1)
  const ciphers = reader.vector(2)
  reader.vector(1)
  if (reader.broken) return 'none'
  const extensions = new Reader(reader.left > 0 ? reader.vector(2) : Buffer.alloc(0))
  let serverName: string | null = null
  let applicationProtocols: readonly string[] = []
  let signsEcdsa = false
  let hasCurve = false
  let tellsVersions = false
  let wantsOcsp = false
  while (extensions.left > 0) {
    const type = extensions.number(2)
    const content = extensions.vector(2)
    if (type === SERVER_NAME_EXTENSION) serverName = parseServerName(content)
    else if (type === STATUS_REQUEST_EXTENSION) wantsOcsp = content[0] === 1
    else if (type === SIGNATURE_ALGORITHMS_EXTENSION)
      signsEcdsa = hasNumber(new Reader(content).vector(2), ECDSA_ALGORITHMS)
    else if (type === SUPPORTED_GROUPS_EXTENSION) hasCurve = hasNumber(new Reader(content).vector(2), CURVES)
    else if (type === SUPPORTED_VERSIONS_EXTENSION) tellsVersions = true
    else if (type === ALPN_EXTENSION) applicationProtocols = parseAlpn(content)
  }
  if (reader.broken || extensions.broken) return 'none'
  const acceptsEcdsaBefore13 = hasCurve && hasNumber(ciphers, ECDSA_CIPHERS)
  const acceptsEcdsa = tellsVersions ? signsEcdsa : acceptsEcdsaBefore13
  return { serverName, applicationProtocols, acceptsEcdsa, acceptsEcdsaBefore13, wantsOcsp }
}

function parseServerName(content: Buffer): string | null {
  const names = new Reader(new Reader(content).vector(2))
  while (names.left > 0) {
    const type = names.number(1)
    const name = names.vector(2)
    if (type === 0 && name.length > 0) return name.toString('latin1').toLowerCase()
  }
  return null
}

function parseAlpn(content: Buffer): readonly string[] {
  const protocols: string[] = []
  const list = new Reader(new Reader(content).vector(2))
  while (list.left > 0) protocols.push(list.vector(1).toString('latin1'))
  return protocols
}

function hasNumber(list: Buffer, wanted: ReadonlySet<number>): boolean {
  const numbers = new Reader(list)
  while (numbers.left > 0) if (wanted.has(numbers.number(2))) return true
  return false
}
