import type { UpstreamTlsContextJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import {
  type CarrierHandle,
  type Connection,
  type ConnectOptions,
  connect,
  detachHandle,
  errnoWords,
  nativeContext,
  type ThreadContext,
  type TlsEngine,
  type TlsError,
  type TlsHandle,
  type TlsRole,
  TlsSocket,
  type TransportSocketHost,
  type TransportSocketOverrides,
  type UpstreamTransportSocketFactory,
  type UpstreamTransportSocketPlan,
} from '../../../net/index.ts'
import { alpnWire, type CommonTls, compileCommonContext, makeSecureContext } from './common-context.ts'
import { errorWords, helloErrorWords, systemWords, verifyWords } from './failure-words.ts'
import { SessionCache } from './session-cache.ts'
import * as stats from './stats.ts'
import { verifyPeer } from './validation.ts'

interface UpstreamTlsPlan {
  readonly common: CommonTls
  readonly sni: string
  readonly autoHostSni: boolean
  readonly autoSniSanValidation: boolean
  /** 0: sessions are not resumed. */
  readonly maxSessionKeys: number
}

/** Compiles UpstreamTlsContext. */
export function compileUpstreamTls(
  json: UpstreamTlsContextJson,
  context: CompileContext,
  path: ConfigPath,
): UpstreamTransportSocketPlan {
  const common = compileCommonContext(json.commonTlsContext ?? {}, 'TLSv1.2', context, path.field('common_tls_context'))
  const plan: UpstreamTlsPlan = {
    common,
    sni: json.sni ?? '',
    autoHostSni: json.autoHostSni ?? false,
    autoSniSanValidation: json.autoSniSanValidation ?? false,
    maxSessionKeys: json.maxSessionKeys ?? 1,
  }
  if (common.keyPairs.length > 1) {
    context.diagnostics.error(
      path.field('common_tls_context').field('tls_certificates'),
      'a client presents one certificate',
    )
  }
  return { create: (thread, statPrefix) => new UpstreamTls(plan, thread, statPrefix) }
}

/** The TLS of one cluster on one thread. */
class UpstreamTls implements UpstreamTransportSocketFactory {
  readonly plan: UpstreamTlsPlan
  readonly stats: stats.SslStats
  readonly context: unknown
  readonly alpn: Buffer
  readonly sessions: SessionCache
  private readonly thread: ThreadContext

  constructor(plan: UpstreamTlsPlan, thread: ThreadContext, statPrefix: string) {
    this.plan = plan
    this.thread = thread
    this.stats = new stats.SslStats(thread, statPrefix)
    this.context = nativeContext(makeSecureContext(plan.common, plan.common.keyPairs[0] ?? null, {}))
    this.alpn = alpnWire(plan.common.alpn)
    this.sessions = new SessionCache(plan.maxSessionKeys)
  }

  connect(host: TransportSocketHost, options: ConnectOptions, overrides: TransportSocketOverrides | null): Connection {
    const connection = connect(this.thread, host.address, options)
    connection.startTransport = connected => this.goUnder(connected, host, overrides)
    return connection
  }

  goUnder(connection: Connection, host: TransportSocketHost, overrides: TransportSocketOverrides | null): void {
    const handle = detachHandle(connection)
    if (handle === null) return
    const role = new ClientRole(this, this.serverName(host, overrides), overrides)
    const socket = new TlsSocket(this.thread, role, handle)
    connection.socket = socket
    connection.ssl = socket.info
    socket.connectTo(connection)
  }

  private serverName(host: TransportSocketHost, overrides: TransportSocketOverrides | null): string {
    if (overrides?.sni !== undefined) return overrides.sni
    return this.plan.autoHostSni && host.hostname !== '' ? host.hostname : this.plan.sni
  }
}

/** One connection of a client: each may speak to another name. */
class ClientRole implements TlsRole {
  private readonly tls: UpstreamTls
  private readonly serverName: string
  private readonly overrides: TransportSocketOverrides | null
  private verified = false
  private earlySession: Buffer | null = null

  constructor(tls: UpstreamTls, serverName: string, overrides: TransportSocketOverrides | null) {
    this.tls = tls
    this.serverName = serverName
    this.overrides = overrides
  }

  engage(engine: TlsEngine, carrier: CarrierHandle): TlsHandle {
    const { tls, serverName, overrides } = this
    const handle = engine.wrap(carrier, tls.context, false, false)
    handle.setVerifyMode(true, false)
    if (serverName !== '') handle.setServername(serverName)
    const wanted = overrides?.alpnOverride ?? (tls.alpn.length > 0 ? undefined : overrides?.alpn)
    const alpn = wanted === undefined ? tls.alpn : alpnWire(wanted)
    if (alpn.length > 0) handle.setALPNProtocols(alpn)
    tls.sessions.resume(handle, this.sessionKey, session => this.onSession(session))
    return handle
  }

  /** A resumed session is not checked again, so only a peer that has passed may be resumed. */
  private onSession(session: Buffer): void {
    if (this.verified) this.tls.sessions.keep(this.sessionKey, session)
    else this.earlySession = session
  }

  /** A session may only be resumed where its certificate would pass the same checks. */
  private get sessionKey(): string {
    return `${this.serverName} ${this.overrides?.san ?? ''}`
  }

  onHandshake(socket: TlsSocket, handle: TlsHandle): string | null {
    const { stats: ssl } = this.tls
    const { info, connection } = socket
    info.attach(handle, false)
    info.sni = this.serverName
    info.alpn = handle.getALPNNegotiatedProtocol() || ''
    connection.nextProtocol = info.alpn
    info.peerCertificatePresented = handle.hasPeerCertificate()
    const problem = this.verify(socket, handle)
    if (problem !== null) return problem
    this.verified = true
    if (this.earlySession !== null) this.tls.sessions.keep(this.sessionKey, this.earlySession)
    ssl.cells[stats.HANDSHAKE]! += 1
    ssl.count('versions', info.version)
    ssl.count('ciphers', info.cipher)
    const { group } = info
    if (group !== '') ssl.count('curves', group)
    if (info.sessionReused) ssl.cells[stats.SESSION_REUSED]! += 1
    if (!info.peerCertificatePresented) ssl.cells[stats.NO_CERTIFICATE]! += 1
    return null
  }

  private verify({ info }: TlsSocket, handle: TlsHandle): string | null {
    const { plan, stats: ssl } = this.tls
    const { validation } = plan.common
    const certificate = info.peerCertificate
    if (validation === null) return null
    // Of a resumed session, which was checked when it began, OpenSSL need not have the certificate.
    if (certificate === null) return info.sessionReused ? null : verifyWords('no peer certificate')
    const san =
      this.overrides?.san ?? (plan.autoSniSanValidation && this.serverName !== '' ? this.serverName : undefined)
    const failure = verifyPeer(validation, handle, certificate, san)
    info.peerCertificateValidated = failure === null && validation.trustedCas.length > 0
    if (failure === null) return null
    ssl.cells[failure.slot]! += 1
    if (validation.acceptUntrusted) return null
    return verifyWords(failure.text)
  }

  onHandshakeFailure(error: TlsError, handle: TlsHandle): string {
    this.tls.stats.cells[stats.CONNECTION_ERROR]! += 1
    return handle.getCipher() === undefined ? helloErrorWords(error) : errorWords(error)
  }

  onHandshakeBroken(errno: number, code: string): string {
    return systemWords(errno, errnoWords(code))
  }

  onProtocolError(error: TlsError): string {
    this.tls.stats.cells[stats.CONNECTION_ERROR]! += 1
    return errorWords(error)
  }
}
