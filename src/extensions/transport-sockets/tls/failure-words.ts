// Why TLS failed, in the words of Envoy: %DOWNSTREAM_TRANSPORT_FAILURE_REASON% and %UPSTREAM_TRANSPORT_FAILURE_REASON%.
import type { TlsError } from '../../../net/index.ts'

/** BoringSSL numbers its errors from here. */
const LIBRARY = 16 << 24
const SYSTEM_LIBRARY = 2 << 24

/** What OpenSSL says, where BoringSSL says it otherwise. */
const RENAMED: Readonly<Record<string, string>> = {
  'data length too long': 'ENCRYPTED_LENGTH_TOO_LONG',
  'packet length too long': 'ENCRYPTED_LENGTH_TOO_LONG',
  'wrong ssl version': 'WRONG_VERSION_NUMBER',
}

const NUMBERS: Readonly<Record<string, number>> = {
  BAD_PACKET_LENGTH: 112,
  BAD_SIGNATURE: 114,
  CERTIFICATE_VERIFY_FAILED: 125,
  CERT_CB_ERROR: 126,
  CLIENTHELLO_PARSE_FAILED: 131,
  DECODE_ERROR: 137,
  DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 139,
  DIGEST_CHECK_FAILED: 142,
  ENCRYPTED_LENGTH_TOO_LONG: 146,
  EXCESSIVE_MESSAGE_SIZE: 150,
  EXTRA_DATA_IN_MESSAGE: 151,
  HTTPS_PROXY_REQUEST: 155,
  HANDSHAKE_FAILURE_ON_CLIENT_HELLO: 154,
  HTTP_REQUEST: 156,
  INAPPROPRIATE_FALLBACK: 157,
  INVALID_MESSAGE: 159,
  LENGTH_MISMATCH: 162,
  MISSING_EXTENSION: 164,
  NO_SHARED_CIPHER: 184,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
  UNEXPECTED_MESSAGE: 225,
  UNSUPPORTED_PROTOCOL: 240,
  WRONG_CIPHER_RETURNED: 242,
  WRONG_CURVE: 243,
  WRONG_SIGNATURE_TYPE: 245,
  WRONG_VERSION_NUMBER: 247,
}

/** RFC 8446, 6.2; an alert's error is numbered 1000 above it. */
const ALERTS: Readonly<Record<string, number>> = {
  CLOSE_NOTIFY: 0,
  UNEXPECTED_MESSAGE: 10,
  BAD_RECORD_MAC: 20,
  DECRYPTION_FAILED: 21,
  RECORD_OVERFLOW: 22,
  DECOMPRESSION_FAILURE: 30,
  HANDSHAKE_FAILURE: 40,
  NO_CERTIFICATE: 41,
  BAD_CERTIFICATE: 42,
  UNSUPPORTED_CERTIFICATE: 43,
  CERTIFICATE_REVOKED: 44,
  CERTIFICATE_EXPIRED: 45,
  CERTIFICATE_UNKNOWN: 46,
  ILLEGAL_PARAMETER: 47,
  UNKNOWN_CA: 48,
  ACCESS_DENIED: 49,
  DECODE_ERROR: 50,
  DECRYPT_ERROR: 51,
  PROTOCOL_VERSION: 70,
  INSUFFICIENT_SECURITY: 71,
  INTERNAL_ERROR: 80,
  INAPPROPRIATE_FALLBACK: 86,
  USER_CANCELLED: 90,
  NO_RENEGOTIATION: 100,
  UNSUPPORTED_EXTENSION: 110,
  UNRECOGNIZED_NAME: 112,
  BAD_CERTIFICATE_STATUS_RESPONSE: 113,
  UNKNOWN_PSK_IDENTITY: 115,
  CERTIFICATE_REQUIRED: 116,
  NO_APPLICATION_PROTOCOL: 120,
}

function numberOf(name: string): number | undefined {
  const alert = /ALERT_(.*)$/.exec(name)?.[1]
  if (alert === undefined) return NUMBERS[name]
  const number = ALERTS[alert]
  return number === undefined ? undefined : 1000 + number
}

function entry(name: string, data = ''): string {
  const number = numberOf(name)
  const code = number === undefined ? '' : `${LIBRARY + number}:`
  return `|${code}SSL routines:OPENSSL_internal:${name}${data === '' ? '' : `:${data}`}`
}

function words(name: string, data = ''): string {
  return `TLS_error:${entry(name, data)}:TLS_error_end`
}

const NO_CERTIFICATE = 'PEER_DID_NOT_RETURN_A_CERTIFICATE'
export const NO_CERTIFICATE_WORDS = words(NO_CERTIFICATE, 'peer did not provide required client certificate')

/** 'ssl/tls alert bad certificate' is what was 'sslv3 alert bad certificate' before OpenSSL 3.2. */
function boringName(reason: string): string {
  return reason
    .replace(/^ssl\/tls /, 'sslv3 ')
    .replace(/^tlsv13 /, 'tlsv1 ')
    .toUpperCase()
    .replaceAll(' ', '_')
}

/** The certificate may not be shown without an OCSP response, and there is none that holds. */
export const stapleWords = words('CERT_CB_ERROR')

/** The system's reason for a connection that broke off within its handshake. */
export function systemWords(errno: number, text: string): string {
  return `TLS_error:|${SYSTEM_LIBRARY + errno}:system library:OPENSSL_internal:${text}:TLS_error_end`
}

/** What OpenSSL has reported. */
export function errorWords(error: TlsError): string {
  const reason = error.reason ?? error.message
  const name = RENAMED[reason] ?? boringName(reason)
  return name === NO_CERTIFICATE ? NO_CERTIFICATE_WORDS : words(name)
}

/** The same of a client whose hello the server has answered with an alert. */
export function helloErrorWords(error: TlsError): string {
  const name = boringName(error.reason ?? error.message)
  if (name !== 'SSLV3_ALERT_HANDSHAKE_FAILURE') return errorWords(error)
  return `TLS_error:${entry(name)}${entry('HANDSHAKE_FAILURE_ON_CLIENT_HELLO')}:TLS_error_end`
}

/** What was wrong with a certificate. */
export function verifyWords(text: string): string {
  return words('CERTIFICATE_VERIFY_FAILED', `verify cert failed: ${text}`)
}

/** OpenSSL's words for what is wrong with a chain, where Node.js adds advice to them. */
const CHAIN_ERRORS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self signed certificate in certificate chain',
  // BoringSSL stops at the first error, OpenSSL under Node.js goes on to this one.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to get local issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
}

const REVOCATION_ERRORS: ReadonlySet<string> = new Set([
  'CERT_REVOKED',
  'CRL_HAS_EXPIRED',
  'CRL_NOT_YET_VALID',
  'CRL_SIGNATURE_FAILURE',
  'UNABLE_TO_GET_CRL',
])

interface ChainError {
  readonly code: string
  readonly message: string
}

/** `last`: the depth of the last certificate that a chain was found for. */
export function chainErrorWords({ code, message }: ChainError, last: number): string {
  const known = CHAIN_ERRORS[code]
  const by = REVOCATION_ERRORS.has(code) ? 'certificate revocation check against provided CRLs failed: ' : ''
  // Node.js does not tell the depth of others: mostly it is the leaf's.
  const depth = known === undefined ? 0 : last
  return `X509_verify_cert: certificate verification error at depth ${depth}: ${by}${known ?? message}`
}
