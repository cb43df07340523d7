import type { DownstreamTlsContextJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../../config/index.ts'
import {
  type AcceptedHandle,
  type CarrierHandle,
  type ClientHello,
  Connection,
  type DownstreamTransportSocketFactory,
  type DownstreamTransportSocketPlan,
  detachHandle,
  errnoWords,
  type ThreadContext,
  type TlsEngine,
  type TlsError,
  type TlsHandle,
  type TlsRole,
  TlsSocket,
} from '../../../net/index.ts'
import { alpnWire, type CommonTls, compileCommonContext } from './common-context.ts'
import { errorWords, NO_CERTIFICATE_WORDS, systemWords, verifyWords } from './failure-words.ts'
import { ServerCredentials } from './server-credentials.ts'
import * as stats from './stats.ts'
import { verifyPeer } from './validation.ts'

const NO_BYTES = Buffer.alloc(0)

interface DownstreamTlsPlan {
  readonly common: CommonTls
  readonly requireClientCertificate: boolean
  readonly fullScan: boolean
  readonly secureOptions: number
  readonly sessionTimeoutS: number
  /** Ties a session to the configuration under which its client was checked. */
  readonly sessionIdContext: string
}

/** Compiles DownstreamTlsContext. */
export function compileDownstreamTls(
  json: DownstreamTlsContextJson,
  context: CompileContext,
  path: ConfigPath,
): DownstreamTransportSocketPlan {
  const { constants } = process.getBuiltinModule('node:crypto')
  const common = compileCommonContext(json.commonTlsContext ?? {}, 'TLSv1.3', context, path.field('common_tls_context'))
  if (common.keyPairs.length === 0 && !context.diagnostics.failed) {
    context.diagnostics.error(
      path.field('common_tls_context').field('tls_certificates'),
      'a TLS server needs a certificate',
    )
  }
  const plan: DownstreamTlsPlan = {
    common,
    requireClientCertificate: json.requireClientCertificate ?? false,
    fullScan: json.fullScanCertsOnSniMismatch ?? false,
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      (json.preferClientCiphers === true ? 0 : constants.SSL_OP_CIPHER_SERVER_PREFERENCE) |
      (json.disableStatelessSessionResumption === true ? constants.SSL_OP_NO_TICKET : 0),
    sessionTimeoutS: Math.trunc(durationMs(json.sessionTimeout, 7_200_000) / 1000),
    sessionIdContext: sessionIdContext(json, common),
  }
  return { create: (thread, statPrefix) => new DownstreamTls(plan, thread, statPrefix) }
}

function sessionIdContext(json: DownstreamTlsContextJson, { validation }: CommonTls): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(json))
  for (const trusted of [...(validation?.trustedCas ?? []), ...(validation?.crls ?? [])]) hash.update(trusted)
  return hash.digest('hex').slice(0, 32)
}

/** The TLS of one filter chain on one thread. */
class DownstreamTls implements DownstreamTransportSocketFactory, TlsRole {
  private readonly plan: DownstreamTlsPlan
  private readonly thread: ThreadContext
  private readonly stats: stats.SslStats
  private readonly credentials: ServerCredentials
  private readonly alpn: Buffer
  private readonly wantsCertificate: boolean

  constructor(plan: DownstreamTlsPlan, thread: ThreadContext, statPrefix: string) {
    const { common, secureOptions, sessionIdContext, sessionTimeoutS } = plan
    this.plan = plan
    this.thread = thread
    this.stats = new stats.SslStats(thread, statPrefix)
    this.credentials = new ServerCredentials(
      common,
      { secureOptions, sessionIdContext, sessionTimeout: sessionTimeoutS },
      plan.fullScan,
    )
    this.alpn = alpnWire(common.alpn)
    this.wantsCertificate = plan.requireClientCertificate || common.validation !== null
  }

  accept(handle: AcceptedHandle): Connection {
    handle.setNoDelay?.(true)
    const socket = new TlsSocket(this.thread, this, handle)
    const connection = new Connection(this.thread, socket, false)
    connection.ssl = socket.info
    socket.acceptFrom(connection, NO_BYTES)
    return connection
  }

  goUnder(connection: Connection, peeked: Buffer): void {
    const handle = detachHandle(connection)
    if (handle === null) return
    const socket = new TlsSocket(this.thread, this, handle)
    connection.socket = socket
    connection.ssl = socket.info
    socket.acceptFrom(connection, peeked)
  }

  engage(engine: TlsEngine, carrier: CarrierHandle, hello: ClientHello | null): TlsHandle {
    const { context } = this.credentials.choose(hello)
    const handle = engine.wrap(carrier, context, true, false)
    if (this.wantsCertificate) handle.setVerifyMode(true, this.plan.requireClientCertificate)
    // Without a protocol in common TLS goes on without ALPN, as in Envoy; OpenSSL through Node.js would end it.
    const { alpn } = this.plan.common
    if (alpn.length > 0 && (hello === null || hello.applicationProtocols.some(name => alpn.includes(name)))) {
      handle.setALPNProtocols(this.alpn)
    }
    return handle
  }

  onHandshake(socket: TlsSocket, handle: TlsHandle): string | null {
    const { cells } = this.stats
    const { info, connection } = socket
    info.attach(handle, true)
    info.sni = handle.getServername() || ''
    info.alpn = handle.getALPNNegotiatedProtocol() || ''
    connection.nextProtocol = info.alpn
    info.peerCertificatePresented = this.wantsCertificate && handle.hasPeerCertificate()
    const problem = this.verify(socket, handle)
    if (problem !== null) return problem
    cells[stats.HANDSHAKE]! += 1
    this.stats.count('versions', info.version)
    this.stats.count('ciphers', info.cipher)
    if (info.sessionReused) cells[stats.SESSION_REUSED]! += 1
    if (!info.peerCertificatePresented) cells[stats.NO_CERTIFICATE]! += 1
    return null
  }

  private verify({ info }: TlsSocket, handle: TlsHandle): string | null {
    const { validation } = this.plan.common
    const certificate = info.peerCertificate
    if (certificate === null) {
      // OpenSSL has seen to it, but for sessions resumed without the certificate they began with.
      if (!this.plan.requireClientCertificate) return null
      this.stats.cells[stats.FAIL_VERIFY_NO_CERT]! += 1
      return NO_CERTIFICATE_WORDS
    }
    if (validation === null) return null
    const failure = verifyPeer(validation, handle, certificate, undefined)
    info.peerCertificateValidated =
      failure === null && (validation.trustedCas.length > 0 || validation.hashes.size + validation.spkis.size > 0)
    if (failure === null) return null
    this.stats.cells[failure.slot]! += 1
    if (validation.acceptUntrusted) return null
    return verifyWords(failure.text)
  }

  onHandshakeFailure(error: TlsError): string {
    const { cells } = this.stats
    if (/peer did not return a certificate/.test(error.message)) cells[stats.FAIL_VERIFY_NO_CERT]! += 1
    else cells[stats.CONNECTION_ERROR]! += 1
    return errorWords(error)
  }

  onHandshakeBroken(errno: number, code: string): string {
    return systemWords(errno, errnoWords(code))
  }

  onProtocolError(error: TlsError): string {
    this.stats.cells[stats.CONNECTION_ERROR]! += 1
    return errorWords(error)
  }
}
