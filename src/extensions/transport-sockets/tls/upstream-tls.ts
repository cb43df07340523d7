import type { UpstreamTlsContextJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { CompileContext, ConfigPath, SecretUser } from '../../../config/index.ts'
import {
  type Connection,
  type ConnectOptions,
  connect,
  detachHandle,
  errnoWords,
  nativeContext,
  OwnCertificate,
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
import {
  alpnWire,
  type CommonTls,
  compileCommonContext,
  currentMaterial,
  makeSecureContext,
  type TlsMaterial,
  validationRefs,
} from './common-context.ts'
import { setExpiryGauges } from './expiry-gauges.ts'
import { errorWords, helloErrorWords, systemWords, verifyWords } from './failure-words.ts'
import { KeyLog } from './key-log.ts'
import { SessionCache } from './session-cache.ts'
import * as stats from './stats.ts'
import { isPinned, type ValidationPlan, verifyPeer } from './validation.ts'

interface UpstreamTlsPlan {
  readonly common: CommonTls
  readonly sni: string
  readonly autoHostSni: boolean
  readonly autoSniSanValidation: boolean
  /** 0: sessions are not resumed. */
  readonly maxSessionKeys: number
  readonly secureOptions: number
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
    secureOptions:
      json.allowRenegotiation === true ? 0 : process.getBuiltinModule('node:crypto').constants.SSL_OP_NO_RENEGOTIATION,
  }
  if (common.certificates.length > 1) {
    context.diagnostics.error(
      path.field('common_tls_context').field('tls_certificates'),
      'a client presents one certificate',
    )
  }
  return { secure: true, create: (thread, statPrefix) => new UpstreamTls(plan, thread, statPrefix) }
}

/** The TLS of one cluster on one thread. */
class UpstreamTls implements UpstreamTransportSocketFactory, SecretUser {
  readonly plan: UpstreamTlsPlan
  readonly stats: stats.SslStats
  readonly alpn: Buffer
  readonly keyLog: KeyLog | null
  material!: TlsMaterial
  context: unknown
  own!: OwnCertificate
  sessions!: SessionCache
  private readonly thread: ThreadContext
  private readonly statPrefix: string

  constructor(plan: UpstreamTlsPlan, thread: ThreadContext, statPrefix: string) {
    const { common } = plan
    this.plan = plan
    this.thread = thread
    this.statPrefix = statPrefix
    this.stats = new stats.SslStats(thread, statPrefix)
    this.alpn = alpnWire(common.alpn)
    this.keyLog = common.keyLog === null ? null : new KeyLog(common.keyLog, thread)
    this.loadSecrets()
    const refs = [...common.certificates, ...validationRefs(common)]
    for (const ref of refs) ref.addUser(this)
    stats.noteSecretUse(thread, `${statPrefix}client_ssl_socket_factory.`, refs)
  }

  /** Connections that are open keep what they were made with; sessions begun under other secrets are not resumed. */
  onSecretChange(): void {
    this.loadSecrets()
    stats.noteSecretUpdate(this.thread, `${this.statPrefix}client_ssl_socket_factory.`)
  }

  private loadSecrets(): void {
    const { common, maxSessionKeys, secureOptions } = this.plan
    const { keyPairs, validation } = (this.material = currentMaterial(common))
    this.context = nativeContext(makeSecureContext(common.params, keyPairs[0] ?? null, validation, { secureOptions }))
    this.own = new OwnCertificate()
    this.sessions = new SessionCache(maxSessionKeys)
    setExpiryGauges(common, this.thread, this.statPrefix)
  }

  connect(host: TransportSocketHost, options: ConnectOptions, overrides: TransportSocketOverrides | null): Connection {
    const connection = connect(this.thread, host.address, options)
    connection.startTransport = connected => this.goUnder(connected, host, overrides)
    return connection
  }

  goUnder(connection: Connection, host: TransportSocketHost, overrides: TransportSocketOverrides | null): void {
    const handle = detachHandle(connection)
    if (handle === null) return
    const role = new ClientRole(this, this.serverName(host, overrides), host.address.toString(), overrides)
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
  /** As they were when the connection began. */
  private readonly sessions: SessionCache
  private readonly validation: ValidationPlan | null
  private readonly remoteAddress: string
  private readonly serverName: string
  private readonly overrides: TransportSocketOverrides | null
  private verified = false
  private earlySession: Buffer | null = null

  constructor(tls: UpstreamTls, serverName: string, remoteAddress: string, overrides: TransportSocketOverrides | null) {
    this.tls = tls
    this.sessions = tls.sessions
    this.validation = tls.material.validation
    this.remoteAddress = remoteAddress
    this.serverName = serverName
    this.overrides = overrides
  }

  engage(engine: TlsEngine, socket: TlsSocket): TlsHandle {
    const { tls, serverName, overrides } = this
    const handle = engine.wrap(socket.carrier, tls.context, false, false)
    handle.setVerifyMode(true, false)
    if (serverName !== '') handle.setServername(serverName)
    const wanted = overrides?.alpnOverride ?? (tls.alpn.length > 0 ? undefined : overrides?.alpn)
    const alpn = wanted === undefined ? tls.alpn : alpnWire(wanted)
    if (alpn.length > 0) handle.setALPNProtocols(alpn)
    this.sessions.resume(handle, this.sessionKey, session => this.onSession(session))
    tls.keyLog?.attach(handle, `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`, this.remoteAddress)
    return handle
  }

  /** A resumed session is not checked again, so only a peer that has passed may be resumed. */
  private onSession(session: Buffer): void {
    if (this.verified) this.sessions.keep(this.sessionKey, session)
    else this.earlySession = session
  }

  /** A session may only be resumed where its certificate would pass the same checks. */
  private get sessionKey(): string {
    return `${this.serverName} ${this.overrides?.san ?? ''}`
  }

  onHandshake(socket: TlsSocket, handle: TlsHandle): string | null {
    const { stats: ssl } = this.tls
    const { info, connection } = socket
    info.attach(handle, false, this.tls.own)
    info.sni = this.serverName
    info.alpn = handle.getALPNNegotiatedProtocol() || ''
    connection.nextProtocol = info.alpn
    info.peerCertificatePresented = handle.hasPeerCertificate()
    const problem = this.verify(socket, handle)
    if (problem !== null) return problem
    this.verified = true
    if (this.earlySession !== null) this.sessions.keep(this.sessionKey, this.earlySession)
    ssl.cells[stats.HANDSHAKE]! += 1
    ssl.count('versions', info.version)
    ssl.count('ciphers', info.cipher)
    if (info.group !== '') ssl.count('curves', info.group)
    if (info.sessionReused) ssl.cells[stats.SESSION_REUSED]! += 1
    if (!info.peerCertificatePresented) ssl.cells[stats.NO_CERTIFICATE]! += 1
    return null
  }

  private verify({ info }: TlsSocket, handle: TlsHandle): string | null {
    const { validation } = this
    const { plan, stats: ssl } = this.tls
    const certificate = info.peerCertificate
    if (validation === null) return null
    // Of a resumed session, which was checked when it began, OpenSSL need not have the certificate.
    if (certificate === null) return info.sessionReused ? null : verifyWords('no peer certificate')
    const san =
      this.overrides?.san ?? (plan.autoSniSanValidation && this.serverName !== '' ? this.serverName : undefined)
    const failure = verifyPeer(validation, handle, certificate, san)
    info.peerCertificateValidated = failure === null && (validation.trustedCas.length > 0 || isPinned(validation))
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
