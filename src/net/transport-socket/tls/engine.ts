// Node's TLS engine, one floor below tls.TLSSocket: the handle that encrypts for a TCP handle. TLSSocket around an accepted
// handle takes no read buffer of ours, keeps 8 kB more per connection and a dozen listeners; see docs/adr/0004-fast-tls.md.
import type { SecureContext } from 'node:tls'
import type { AcceptedHandle } from '../../connection.ts'

/** libuv's 'end of file'. */
export const UV_EOF = -4095

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

/** A write under way: the status stays null until the bytes are in the kernel, when nobody listens. */
export interface WriteRequest {
  writeStatus: number | null
  oncomplete?: (this: WriteRequest, status: number, handle: TlsHandle) => void
}

interface ShutdownRequest {
  oncomplete: ((this: ShutdownRequest, status: number, handle: TlsHandle) => void) | undefined
}

/** The socket's own handle, which carries the records. */
export interface CarrierHandle extends AcceptedHandle {
  onread: (this: CarrierHandle) => Buffer | undefined
  readonly writeQueueSize: number
  readStart(): number
  readStop(): number
  useUserBuffer(buffer: Buffer): void
  close(callback?: () => void): void
  /** Missing on pipes. */
  reset?(callback: () => void): number
  getsockname?(into: { address?: string; port?: number }): number
  /** Keeps the owner alive for as long as the event loop keeps the handle. */
  owner: object | null
}

export interface TlsHandle {
  owner: object | null
  onread: (this: TlsHandle) => Buffer | undefined
  onhandshakedone: (this: TlsHandle) => void
  onerror: (this: TlsHandle, error: TlsError) => void
  onnewsession: ((this: TlsHandle, id: Buffer, session: Buffer) => void) | undefined
  onkeylog: ((this: TlsHandle, line: Buffer) => void) | undefined
  onocspresponse: ((this: TlsHandle, response: Buffer | null) => void) | undefined
  useUserBuffer(buffer: Buffer): void
  readStart(): number
  readStop(): number
  receive(bytes: Uint8Array): void
  writeBuffer(request: null, bytes: Uint8Array): WriteRequest | number
  shutdown(request: ShutdownRequest): number
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
  wrap(carrier: CarrierHandle, context: unknown, isServer: boolean, hasActiveWrite: boolean): TlsHandle
  readonly ShutdownWrap: new () => ShutdownRequest
  /** Bytes read, or a negative error, of the read callback under way stand at `readBytesOrError`. */
  readonly state: Int32Array
  readonly readBytesOrError: number
}

interface StreamBinding {
  readonly ShutdownWrap: new () => ShutdownRequest
  readonly streamBaseState: Int32Array
  readonly kReadBytesOrError: number
}

let loaded: TlsEngine | null = null

/** The engine of this thread, made at first use: a proxy without TLS never loads OpenSSL's modules. */
export function tlsEngine(): TlsEngine {
  if (loaded !== null) return loaded
  // The handle's methods are completed by this module.
  process.getBuiltinModule('node:tls')
  const binding = (process as unknown as { binding(name: string): unknown }).binding.bind(process)
  const { wrap } = binding('tls_wrap') as Pick<TlsEngine, 'wrap'>
  const { ShutdownWrap, streamBaseState, kReadBytesOrError } = binding('stream_wrap') as StreamBinding
  loaded = { wrap, ShutdownWrap, state: streamBaseState, readBytesOrError: kReadBytesOrError }
  return loaded
}

/** The native part of a SecureContext. */
export function nativeContext(context: SecureContext): unknown {
  return (context as unknown as { context: unknown }).context
}
