// Certificates for the demo's mesh, made with what Node has: X.509 (RFC 5280) in DER, signed by node:crypto.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SEQUENCE = 0x30
const SET = 0x31
const OID = 0x06
const VALID_DAYS = 7
const DAY_MS = 86_400_000

/** tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(SEQUENCE, ...parts)
const oid = (hex: string): Buffer => der(OID, Buffer.from(hex, 'hex'))
const octets = (content: Uint8Array): Buffer => der(0x04, content)
const integer = (value: Uint8Array): Buffer => der(0x02, value)
const bits = (content: Uint8Array): Buffer => der(0x03, Buffer.from([0]), content)
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const commonName = (text: string): Buffer =>
  sequence(der(SET, sequence(oid('550403'), der(0x0c, Buffer.from(text, 'utf8')))))

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${text}Z`, 'latin1'))
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([255]))] : []), octets(value))

interface Signer {
  readonly name: string
  readonly key: KeyObject
}

interface Issued {
  readonly certificate: string
  readonly key: KeyObject
}

/** A certificate for `name` with SAN DNS:name and the SPIFFE id; `signer` null makes an authority of its own. */
function issue(name: string, signer: Signer | null, nowMs: number): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const isAuthority = signer === null
  const extensions = isAuthority
    ? [
        extension('551d13', true, sequence(der(0x01, Buffer.from([255])))),
        // keyCertSign and cRLSign.
        extension('551d0f', true, der(0x03, Buffer.from([1, 0x06]))),
      ]
    : [
        extension('551d0f', true, der(0x03, Buffer.from([7, 0x80]))),
        // serverAuth and clientAuth: a sidecar is both.
        extension('551d25', false, sequence(oid('2b06010505070301'), oid('2b06010505070302'))),
        extension(
          '551d11',
          false,
          sequence(der(0x82, Buffer.from(name)), der(0x86, Buffer.from(`spiffe://demo/${name}`))),
        ),
      ]
  const serial = randomBytes(12)
  // Positive, and without a leading zero byte (RFC 5280, 4.1.2.2).
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_WITH_SHA256,
    commonName(signer?.name ?? name),
    sequence(time(nowMs - DAY_MS), time(nowMs + VALID_DAYS * DAY_MS)),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', body, signer?.key ?? privateKey)
  const whole = sequence(body, ECDSA_WITH_SHA256, bits(signature))
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n')
  return { certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, key: privateKey }
}

/** Writes ca.pem, and NAME.pem with NAME.key for each of `names`, into `folder`. */
export function writeCertificates(folder: string, names: readonly string[], nowMs = Date.now()): void {
  mkdirSync(folder, { recursive: true })
  const authority = issue('demo authority', null, nowMs)
  writeFileSync(join(folder, 'ca.pem'), authority.certificate)
  for (const name of names) {
    const { certificate, key } = issue(name, { name: 'demo authority', key: authority.key }, nowMs)
    writeFileSync(join(folder, `${name}.pem`), certificate)
    writeFileSync(join(folder, `${name}.key`), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  }
}
