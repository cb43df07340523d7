import type { DownstreamTlsContextJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  durationMs,
  fixedSecrets,
  type SecretRef,
  type SecretUser,
} from '../../../config/index.ts'
import {
  type AcceptedHandle,
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
import {
  alpnWire,
  type CommonTls,
  compileCommonContext,
  currentMaterial,
  type TlsMaterial,
  validationRefs,
} from './common-context.ts'
import { setExpiryGauges } from './expiry-gauges.ts'
import { errorWords, NO_CERTIFICATE_WORDS, stapleWords, systemWords, verifyWords } from './failure-words.ts'
import { KeyLog } from './key-log.ts'
import { readKeyPair } from './key-pair.ts'
import { byName, inPlace } from './secret-refs.ts'
import { ServerCredentials } from './server-credentials.ts'
import type { StaplePolicy } from './staple-policy.ts'
import * as stats from './stats.ts'
import { checkTicketKeys, configuredTicketKeys, noTickets, processTicketKey, type TicketKeys } from './ticket-keys.ts'
import { checksPeers, isPinned, verifyPeer } from './validation.ts'

const NO_BYTES = Buffer.alloc(0)
const DEFAULT_SESSION_TIMEOUT_MS = 7_200_000

interface DownstreamTlsPlan {
  readonly common: CommonTls
  readonly requireClientCertificate: boolean
  readonly fullScan: boolean
  readonly staplePolicy: StaplePolicy
  readonly secureOptions: number
  /** By session tickets; there is no other way here. */
  readonly resumption: boolean
  readonly sessionTimeoutS: number
  /** Null: a key of this process. */
  readonly ticketKeys: SecretRef | null
  readonly seed: Uint8Array
  /** What the configuration says, as text: part of what ties a session to it. */
  readonly text: string
}

/** Compiles DownstreamTlsContext. */
export function compileDownstreamTls(
  json: DownstreamTlsContextJson,
  context: CompileContext,
  path: ConfigPath,
): DownstreamTransportSocketPlan {
  const { constants } = process.getBuiltinModule('node:crypto')
  const commonPath = path.field('common_tls_context')
  const common = compileCommonContext(json.commonTlsContext ?? {}, 'TLSv1.3', context, commonPath)
  if (common.certificates.length === 0 && !context.diagnostics.failed) {
    context.diagnostics.error(commonPath.field('tls_certificates'), 'a TLS server needs a certificate')
  }
  const plan: DownstreamTlsPlan = {
    common,
    requireClientCertificate: json.requireClientCertificate ?? false,
    fullScan: json.fullScanCertsOnSniMismatch ?? false,
    staplePolicy: json.ocspStaplePolicy ?? 'LENIENT_STAPLING',
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      (json.preferClientCiphers === true ? 0 : constants.SSL_OP_CIPHER_SERVER_PREFERENCE),
    resumption: json.disableStatelessSessionResumption !== true,
    sessionTimeoutS: Math.trunc(durationMs(json.sessionTimeout, DEFAULT_SESSION_TIMEOUT_MS) / 1000),
    ticketKeys: compileTicketKeys(json, context, path),
    seed: (context.secrets ?? fixedSecrets).seed,
    // Keys come and go while sessions stay.
    text: JSON.stringify({ ...json, sessionTicketKeys: undefined }),
  }
  checkStaples(plan, context, commonPath)
  return { create: (thread, statPrefix) => new DownstreamTls(plan, thread, statPrefix) }
}

function compileTicketKeys(
  json: DownstreamTlsContextJson,
  context: CompileContext,
  path: ConfigPath,
): SecretRef | null {
  const { sessionTicketKeys, sessionTicketKeysSdsSecretConfig: sds } = json
  if (sessionTicketKeys !== undefined) {
    const at = path.field('session_ticket_keys')
    return inPlace('sessionTicketKeys', { sessionTicketKeys }, checkTicketKeys, context, at) ?? null
  }
  if (sds === undefined) return null
  const at = path.field('session_ticket_keys_sds_secret_config')
  return byName('sessionTicketKeys', sds, checkTicketKeys, context, at) ?? null
}

function checkStaples({ common, staplePolicy }: DownstreamTlsPlan, context: CompileContext, path: ConfigPath): void {
  for (const ref of common.certificates) {
    const pair = readKeyPair(ref.current)
    if ('problem' in pair || pair.ocspStaple !== null) continue
    if (staplePolicy === 'MUST_STAPLE') {
      context.diagnostics.error(
        path.field('tls_certificates'),
        'MUST_STAPLE needs an ocsp_staple with every certificate',
      )
    } else if (pair.mustStaple) {
      context.diagnostics.error(
        path.field('tls_certificates'),
        'the certificate says itself that it needs an ocsp_staple',
      )
    }
  }
}

/** The TLS of one filter chain on one thread. */
class DownstreamTls implements DownstreamTransportSocketFactory, TlsRole, SecretUser {
  private readonly plan: DownstreamTlsPlan
  private readonly thread: ThreadContext
  private readonly statPrefix: string
  private readonly stats: stats.SslStats
  private readonly alpn: Buffer
  private readonly keyLog: KeyLog | null
  private material!: TlsMaterial
  private credentials!: ServerCredentials
  private wantsCertificate = false
  private requiresCertificate = false

  constructor(plan: DownstreamTlsPlan, thread: ThreadContext, statPrefix: string) {
    const { common } = plan
    this.plan = plan
    this.thread = thread
    this.statPrefix = statPrefix
    this.stats = new stats.SslStats(thread, statPrefix)
    this.alpn = alpnWire(common.alpn)
    this.keyLog = common.keyLog === null ? null : new KeyLog(common.keyLog, thread)
    this.loadSecrets()
    const refs = [
      ...common.certificates,
      ...validationRefs(common),
      ...(plan.ticketKeys === null ? [] : [plan.ticketKeys]),
    ]
    for (const ref of refs) ref.addUser(this)
    stats.noteSecretUse(thread, `${statPrefix}server_ssl_socket_factory.`, refs)
  }

  /** Connections that are open keep what they were made with. */
  onSecretChange(): void {
    this.loadSecrets()
    stats.noteSecretUpdate(this.thread, `${this.statPrefix}server_ssl_socket_factory.`)
  }

  private loadSecrets(): void {
    const { common, fullScan, secureOptions, sessionTimeoutS, staplePolicy } = this.plan
    const material = currentMaterial(common)
    const sessionIdContext = this.sessionIdContext(material)
    const context = { secureOptions, sessionIdContext, sessionTimeout: sessionTimeoutS }
    const tickets = this.ticketKeys(sessionIdContext)
    const { validation } = material
    this.requiresCertificate = this.plan.requireClientCertificate || (validation !== null && validation.spiffe !== null)
    this.wantsCertificate = this.requiresCertificate || (validation !== null && checksPeers(validation))
    this.material = material
    this.credentials = new ServerCredentials(common.params, material, { context, tickets, fullScan, staplePolicy })
    setExpiryGauges(common, this.thread, this.statPrefix)
  }

  private ticketKeys(sessionIdContext: string): TicketKeys {
    const { resumption, seed, ticketKeys } = this.plan
    if (!resumption) return noTickets
    return ticketKeys === null ? processTicketKey(seed, sessionIdContext) : configuredTicketKeys(ticketKeys.current)
  }

  /** A session holds only under the configuration by which its client was checked. */
  private sessionIdContext({ validation }: TlsMaterial): string {
    const hash = process.getBuiltinModule('node:crypto').createHash('sha256').update(this.plan.text)
    for (const trusted of [...(validation?.trustedCas ?? []), ...(validation?.crls ?? [])]) hash.update(trusted)
    return hash.digest('hex').slice(0, 32)
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

  engage(engine: TlsEngine, socket: TlsSocket, hello: ClientHello | null): TlsHandle | string {
    const { carrier, connection } = socket
    const { context, own, staple } = this.credentials.choose(hello)
    socket.own = own
    const response = hello?.wantsOcsp === true ? this.stapleFor(staple) : null
    if (typeof response === 'string') return response
    const handle = engine.wrap(carrier, context, true, false)
    if (response !== null) handle.setOCSPResponse(response)
    if (this.wantsCertificate) handle.setVerifyMode(true, this.requiresCertificate)
    // Without a protocol in common TLS goes on without ALPN, as in Envoy; OpenSSL through Node.js would end it.
    const { alpn } = this.plan.common
    if (alpn.length > 0 && (hello === null || hello.applicationProtocols.some(name => alpn.includes(name)))) {
      handle.setALPNProtocols(this.alpn)
    }
    const { info } = connection
    if (this.keyLog !== null && info !== null) {
      this.keyLog.attach(handle, info.directLocalAddress, info.directRemoteAddress)
    }
    return handle
  }

  /** The response to staple, null for none, or why the handshake may not go on without. */
  private stapleFor(staple: {
    action(nowMs: number): string
    readonly response: Buffer | null
  }): Buffer | null | string {
    const { cells } = this.stats
    cells[stats.OCSP_STAPLE_REQUESTS]! += 1
    switch (staple.action(Date.now())) {
      case 'staple':
        cells[stats.OCSP_STAPLE_RESPONSES]! += 1
        return staple.response
      case 'omit':
        cells[stats.OCSP_STAPLE_OMITTED]! += 1
        return null
      default:
        cells[stats.OCSP_STAPLE_FAILED]! += 1
        cells[stats.CONNECTION_ERROR]! += 1
        return stapleWords
    }
  }

  onHandshake(socket: TlsSocket, handle: TlsHandle): string | null {
    const { cells } = this.stats
    const { info, connection } = socket
    info.attach(handle, true, socket.own!)
    info.sni = handle.getServername() || ''
    info.alpn = handle.getALPNNegotiatedProtocol() || ''
    connection.nextProtocol = info.alpn
    info.peerCertificatePresented = this.wantsCertificate && handle.hasPeerCertificate()
    const problem = this.verify(socket, handle)
    if (problem !== null) return problem
    cells[stats.HANDSHAKE]! += 1
    this.stats.count('versions', info.version)
    this.stats.count('ciphers', info.cipher)
    if (info.group !== '') this.stats.count('curves', info.group)
    if (info.sessionReused) cells[stats.SESSION_REUSED]! += 1
    if (!info.peerCertificatePresented) cells[stats.NO_CERTIFICATE]! += 1
    return null
  }

  private verify({ info }: TlsSocket, handle: TlsHandle): string | null {
    const { validation } = this.material
    const certificate = info.peerCertificate
    if (certificate === null) {
      // OpenSSL has seen to it, but for sessions resumed without the certificate they began with.
      if (!this.requiresCertificate) return null
      this.stats.cells[stats.FAIL_VERIFY_NO_CERT]! += 1
      return NO_CERTIFICATE_WORDS
    }
    if (validation === null) return null
    const failure = verifyPeer(validation, handle, certificate, undefined)
    info.peerCertificateValidated = failure === null && (validation.trustedCas.length > 0 || isPinned(validation))
    if (failure === null) return null
    this.stats.cells[failure.slot]! += 1
    return validation.acceptUntrusted ? null : verifyWords(failure.text)
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
