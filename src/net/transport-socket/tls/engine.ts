// Node's TLS engine, one floor below tls.TLSSocket: the handle that encrypts for a TCP handle. TLSSocket around an accepted
// handle takes no read buffer of ours, keeps 8 kB more per connection and a dozen listeners; see docs/adr/0004-fast-tls.md.
import type { SecureContext } from 'node:tls'
import type { SocketHandle, StreamHandle } from '../stream-handle.ts'

/** A certificate as OpenSSL holds it: each method works out one property. */
export interface NativeCertificate {
  subject(): string | undefined
  issuer(): string | undefined
  subjectAltName(): string | undefined
  serialNumber(): string
  fingerprint(): string
  fingerprint256(): string
  validFrom(): string
  validTo(): string
  pem(): string
  raw(): Buffer
  /** The next of the certificates that the peer has sent. */
  getIssuerCert(): NativeCertificate | undefined
}

/** The older form, which also knows issuers that the peer has not sent. */
interface LegacyCertificate {
  readonly fingerprint256: string
  readonly serialNumber: string
  readonly issuerCertificate?: LegacyCertificate
}

export interface TlsHandle extends StreamHandle<TlsHandle> {
  onhandshakedone: (this: TlsHandle) => void
  onerror: (this: TlsHandle, error: TlsError) => void
  onnewsession: ((this: TlsHandle, id: Buffer, session: Buffer) => void) | undefined
  onkeylog: ((this: TlsHandle, line: Buffer) => void) | undefined
  onocspresponse: ((this: TlsHandle, response: Buffer | null) => void) | undefined
  receive(bytes: Uint8Array): void
  start(): void
  destroySSL(): void
  setVerifyMode(request: boolean, reject: boolean): void
  setALPNProtocols(protocols: Buffer): void
  setServername(name: string): void
  setSession(session: Buffer): void
  setOCSPResponse(response: Buffer): void
  enableSessionCallbacks(): void
  enableKeylogCallback(): void
  isSessionReused(): boolean
  verifyError(): (Error & { readonly code: string }) | null
  hasPeerCertificate(): boolean
  getPeerX509Certificate(): NativeCertificate | undefined
  getPeerCertificate(detailed: true): LegacyCertificate | undefined
  getX509Certificate(): NativeCertificate | undefined
  getServername(): string | false
  getALPNNegotiatedProtocol(): string | false
  getProtocol(): string
  /** Undefined before a server has chosen one. */
  getCipher(): { readonly name: string } | undefined
  getEphemeralKeyInfo(): { readonly name?: string; readonly type?: string } | null
  getSession(): Buffer | undefined
}

/** What OpenSSL says went wrong. */
export interface TlsError extends Error {
  readonly code?: string
  readonly reason?: string
  readonly library?: string
}

export interface TlsEngine {
  wrap(carrier: SocketHandle, context: unknown, isServer: boolean, hasActiveWrite: boolean): TlsHandle
}

let loaded: TlsEngine | null = null

/** The engine of this thread, made at first use: a proxy without TLS never loads OpenSSL's modules. */
export function tlsEngine(): TlsEngine {
  if (loaded !== null) return loaded
  // The handle's methods are completed by this module.
  process.getBuiltinModule('node:tls')
  loaded = (process as unknown as { binding(name: 'tls_wrap'): TlsEngine }).binding('tls_wrap')
  return loaded
}

/** The native part of a SecureContext. */
export function nativeContext(context: SecureContext): unknown {
  return (context as unknown as { context: unknown }).context
}
