// What access logs and header formats say of TLS.
import type { Field, FieldValue } from '../format-context.ts'
import type { CertificateInfo, SslConnectionInfo } from '../ssl-connection-info.ts'
import { formatTime } from '../start-time.ts'

type Ssl = (context: Parameters<Field>[0]) => SslConnectionInfo | null
type Read<From> = (from: From) => string | readonly string[] | null

const downstream: Ssl = ({ info }) => info.connection.ssl
const upstream: Ssl = ({ info }) => info.upstreamSsl

const plain = (value: string | readonly string[] | null): FieldValue => {
  if (value === null || value.length === 0) return null
  return typeof value === 'string' ? value : value.join(',')
}

function ofConnection(ssl: Ssl, read: Read<SslConnectionInfo>): Field {
  return context => {
    const found = ssl(context)
    return found === null ? null : plain(read(found))
  }
}

const ofCertificate = (ssl: Ssl, side: 'peerCertificate' | 'localCertificate', read: Read<CertificateInfo>): Field =>
  ofConnection(ssl, found => {
    const certificate = found[side]
    return certificate === null ? null : read(certificate)
  })

const ofChain = (ssl: Ssl, read: (one: CertificateInfo) => string): Field =>
  ofConnection(ssl, found => found.peerCertificateChain.map(read))

const SANS: Readonly<Record<string, Read<CertificateInfo>>> = {
  URI: one => one.uriSans,
  DNS: one => one.dnsSans,
  IP: one => one.ipSans,
  EMAIL: one => one.emailSans,
  OTHERNAME: one => one.otherNameSans,
}

function fieldsOf(prefix: 'DOWNSTREAM' | 'UPSTREAM', ssl: Ssl, sanKinds: readonly string[]): Record<string, Field> {
  const fields: Record<string, Field> = {
    [`${prefix}_TLS_VERSION`]: ofConnection(ssl, found => found.version),
    [`${prefix}_TLS_CIPHER`]: ofConnection(ssl, found => found.cipher),
    [`${prefix}_TLS_GROUP`]: ofConnection(ssl, found => found.group),
    [`${prefix}_TLS_SESSION_ID`]: ofConnection(ssl, found => found.sessionId),
    [`${prefix}_PEER_SUBJECT`]: ofCertificate(ssl, 'peerCertificate', one => one.subject),
    [`${prefix}_PEER_ISSUER`]: ofCertificate(ssl, 'peerCertificate', one => one.issuer),
    [`${prefix}_PEER_CERT`]: ofCertificate(ssl, 'peerCertificate', one => one.urlEncodedPem),
  }
  for (const kind of sanKinds) {
    fields[`${prefix}_PEER_${kind}_SAN`] = ofCertificate(ssl, 'peerCertificate', SANS[kind]!)
    fields[`${prefix}_LOCAL_${kind}_SAN`] = ofCertificate(ssl, 'localCertificate', SANS[kind]!)
  }
  return fields
}

/** Operators without arguments. */
export const TLS_FIELDS: Readonly<Record<string, Field>> = {
  ...fieldsOf('DOWNSTREAM', downstream, Object.keys(SANS)),
  ...fieldsOf('UPSTREAM', upstream, ['URI', 'DNS', 'IP']),
  UPSTREAM_SERVER_NAME: ofConnection(upstream, found => found.sni),
  DOWNSTREAM_LOCAL_SUBJECT: ofCertificate(downstream, 'localCertificate', one => one.subject),
  DOWNSTREAM_PEER_SERIAL: ofCertificate(downstream, 'peerCertificate', one => one.serialNumber),
  DOWNSTREAM_PEER_FINGERPRINT_1: ofCertificate(downstream, 'peerCertificate', one => one.sha1),
  DOWNSTREAM_PEER_FINGERPRINT_256: ofCertificate(downstream, 'peerCertificate', one => one.sha256),
  DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1: ofChain(downstream, one => one.sha1),
  DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256: ofChain(downstream, one => one.sha256),
  DOWNSTREAM_PEER_CHAIN_SERIALS: ofChain(downstream, one => one.serialNumber),
  DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256: ofConnection(downstream, found => found.peerIssuer?.sha256 ?? null),
  DOWNSTREAM_PEER_ISSUER_SERIAL: ofConnection(downstream, found => found.peerIssuer?.serialNumber ?? null),
}

/** `DOWNSTREAM_PEER_CERT_V_START(format)` and its like; undefined for another operator. */
export function validityField(operator: string, format: string): Field | undefined {
  const match = /^(DOWNSTREAM|UPSTREAM)_PEER_CERT_V_(START|END)$/.exec(operator)
  if (match === null) return undefined
  const ssl = match[1] === 'DOWNSTREAM' ? downstream : upstream
  return ofCertificate(ssl, 'peerCertificate', one =>
    formatTime(match[2] === 'START' ? one.validFromMs : one.validToMs, format),
  )
}
