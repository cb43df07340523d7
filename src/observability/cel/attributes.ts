// HOT FILE (docs/hot-path.md): Envoy's attributes: what expressions look at of a request or a connection.
import { CelBytes, CelDuration, CelEntries, CelMap, CelTimestamp, CelUint, type CelValue } from '../../base/index.ts'
import type { FormatContext, HeaderLookup } from '../format-context.ts'
import { httpGrpcStatus } from '../operators/grpc-status.ts'
import { envoyResponseFlags } from '../response-flags.ts'
import type { CertificateInfo, SslConnectionInfo } from '../ssl-connection-info.ts'
import type { FilterStateObject, StreamInfo } from '../stream-info.ts'
import { MetadataMessage, PlainMessage } from './plain-values.ts'

/** The value of an attribute; undefined: there is none now. */
type Attribute = (context: FormatContext) => CelValue | undefined
export type Attributes = Readonly<Record<string, Attribute>>

/** One of the names that expressions begin with. Its members cannot be listed. */
export class AttributeMap extends CelMap {
  private readonly attributes: Attributes
  private readonly context: FormatContext

  constructor(attributes: Attributes, context: FormatContext) {
    super()
    this.attributes = attributes
    this.context = context
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.attributes, key)) return undefined
    return this.attributes[key]!(this.context)
  }

  keys(): null {
    return null
  }
}

const HEADER_NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

class Headers extends CelMap {
  private readonly headers: HeaderLookup

  constructor(headers: HeaderLookup) {
    super()
    this.headers = headers
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string' || !HEADER_NAME.test(key)) return undefined
    const name = key.toLowerCase()
    return this.headers.joined(name === 'host' ? ':authority' : name)
  }

  keys(): readonly string[] {
    return this.headers.names()
  }
}

const NO_ENTRIES = new CelEntries([])
const headersOf = (headers: HeaderLookup | null): CelValue => (headers === null ? NO_ENTRIES : new Headers(headers))

const filled = (text: string | null | undefined): string | undefined => (text ? text : undefined)
const present = (text: string | null | undefined): string | undefined => text ?? undefined
const int = (value: number): bigint => BigInt(Math.trunc(value))
const duration = (us: number): CelDuration | undefined => (us < 0 ? undefined : new CelDuration(BigInt(us) * 1000n))
const header =
  (name: string): Attribute =>
  ({ requestHeaders }) =>
    requestHeaders?.lookup(name)
const ofInfo =
  (read: (info: StreamInfo) => CelValue | undefined): Attribute =>
  ({ info }) =>
    read(info)

function nanoseconds(wallMs: number): bigint {
  const ms = Math.floor(wallMs)
  return BigInt(ms) * 1_000_000n + BigInt(Math.floor((wallMs - ms) * 1e6))
}

function requestSize({ requestHeaders, info }: FormatContext): bigint | undefined {
  const length = requestHeaders?.lookup('content-length')
  if (length === undefined) return int(info.bytesReceived)
  return /^\d{1,18}$/.test(length) ? BigInt(length) : undefined
}

function pathPart(context: FormatContext, query: boolean): string | undefined {
  if (context.requestHeaders === null) return undefined
  const path = context.requestHeaders.lookup(':path') ?? ''
  const at = path.indexOf('?')
  if (!query) return at < 0 ? path : path.slice(0, at)
  if (at < 0) return ''
  const fragment = path.indexOf('#', at)
  return path.slice(at + 1, fragment < 0 ? undefined : fragment)
}

const REQUEST: Attributes = {
  path: header(':path'),
  url_path: context => pathPart(context, false),
  query: context => pathPart(context, true),
  host: header(':authority'),
  scheme: header(':scheme'),
  method: header(':method'),
  referer: header('referer'),
  useragent: header('user-agent'),
  id: header('x-request-id'),
  headers: ({ requestHeaders }) => headersOf(requestHeaders),
  headers_bytes: ({ requestHeaders }) => int(requestHeaders?.byteSize ?? 0),
  time: ofInfo(info => new CelTimestamp(nanoseconds(info.startWallMs))),
  duration: ofInfo(info => duration(info.endUs)),
  protocol: ofInfo(info => present(info.protocol)),
  size: requestSize,
  total_size: ({ requestHeaders, info }) => int(info.bytesReceived + (requestHeaders?.byteSize ?? 0)),
}

const RESPONSE: Attributes = {
  code: ({ info, responseHeaders }) => {
    const code = info.responseCode || Number(responseHeaders?.lookup(':status') ?? 0)
    return code === 0 ? undefined : int(code)
  },
  code_details: ofInfo(info => info.responseCodeDetails?.replaceAll(' ', '_')),
  flags: ofInfo(info => int(envoyResponseFlags(info.flags))),
  grpc_status: context => {
    const status = httpGrpcStatus(context)
    return status === null ? undefined : int(status)
  },
  headers: ({ responseHeaders }) => headersOf(responseHeaders),
  headers_bytes: ({ responseHeaders }) => int(responseHeaders?.byteSize ?? 0),
  trailers: ({ responseTrailers }) => headersOf(responseTrailers),
  size: ofInfo(info => int(info.bytesSent)),
  total_size: ({ info, responseHeaders, responseTrailers }) =>
    int(info.bytesSent + (responseHeaders?.byteSize ?? 0) + (responseTrailers?.byteSize ?? 0)),
  backend_latency: ofInfo(info =>
    info.firstUpstreamTxByteUs < 0 ? undefined : duration(info.lastUpstreamRxByteUs - info.firstUpstreamTxByteUs),
  ),
}

const certificate =
  (side: 'peerCertificate' | 'localCertificate', read: (one: CertificateInfo) => string | undefined) =>
  (ssl: SslConnectionInfo): CelValue | undefined => {
    const found = ssl[side]
    return found === null ? undefined : read(found)
  }

const SSL: Readonly<Record<string, (ssl: SslConnectionInfo) => CelValue | undefined>> = {
  tls_version: ssl => present(ssl.version),
  subject_local_certificate: ssl => ssl.localCertificate?.subject ?? '',
  subject_peer_certificate: ssl => ssl.peerCertificate?.subject ?? '',
  uri_san_local_certificate: certificate('localCertificate', one => one.uriSans[0]),
  uri_san_peer_certificate: certificate('peerCertificate', one => one.uriSans[0]),
  dns_san_local_certificate: certificate('localCertificate', one => one.dnsSans[0]),
  dns_san_peer_certificate: certificate('peerCertificate', one => one.dnsSans[0]),
  sha256_peer_certificate_digest: certificate('peerCertificate', one => filled(one.sha256)),
  peer_certificate: certificate('peerCertificate', one => filled(one.urlEncodedPem)),
}

function ofSsl(of: (info: StreamInfo) => SslConnectionInfo | null): Attributes {
  const entries = Object.entries(SSL).map(([name, read]): [string, Attribute] => [
    name,
    ({ info }) => {
      const ssl = of(info)
      return ssl === null ? undefined : read(ssl)
    },
  ])
  return Object.fromEntries(entries)
}

const CONNECTION: Attributes = {
  ...ofSsl(info => info.connection.ssl),
  mtls: ofInfo(info => info.connection.ssl?.peerCertificatePresented ?? false),
  requested_server_name: ofInfo(info => info.connection.requestedServerName ?? ''),
  id: ofInfo(info => new CelUint(BigInt(info.connection.connectionId))),
  termination_details: ofInfo(info => present(info.connectionTerminationDetails)),
  transport_failure_reason: ofInfo(info => filled(info.downstreamTransportFailureReason)),
}

const remote = (info: StreamInfo): string => info.remoteAddress ?? info.connection.remoteAddress

/** Undefined for a pipe. */
function portOf(address: string): bigint | undefined {
  return address.startsWith('/') ? undefined : BigInt(address.slice(address.lastIndexOf(':') + 1))
}

const SOURCE: Attributes = { address: ofInfo(remote), port: ofInfo(info => portOf(remote(info))) }
const DESTINATION: Attributes = {
  address: ofInfo(info => info.connection.localAddress),
  port: ofInfo(info => portOf(info.connection.localAddress)),
}

/** Nothing is known of an upstream before a host is chosen. */
const ofHost = (read: (info: StreamInfo) => CelValue | undefined): Attribute =>
  ofInfo(info => (info.upstreamHostAddress === null ? undefined : read(info)))

const UPSTREAM: Attributes = {
  ...ofSsl(info => info.upstreamSsl),
  address: ofHost(info => info.upstreamHostAddress!),
  port: ofHost(info => portOf(info.upstreamHostAddress!)),
  local_address: ofInfo(info => filled(info.upstreamLocalAddress)),
  locality: ofHost(
    ({ upstreamHostLocality: at }) =>
      new PlainMessage({ region: at?.region ?? '', zone: at?.zone ?? '', sub_zone: at?.subZone ?? '' }),
  ),
  transport_failure_reason: ofHost(info => info.upstreamTransportFailureReason ?? ''),
  cx_pool_ready_duration: ofInfo(info => duration(info.upstreamPoolReadyUs)),
  request_attempt_count: ofInfo(info => new CelUint(BigInt(info.upstreamRequestAttemptCount))),
}

/** A route belongs to a virtual host; it need not have a name. */
const ofRoute = (read: (info: StreamInfo) => CelValue | undefined): Attribute =>
  ofInfo(info => (info.virtualHostName === null ? undefined : read(info)))

const DIRECTIONS = ['UNSPECIFIED', 'INBOUND', 'OUTBOUND']

export const XDS: Attributes = {
  cluster_name: ofInfo(info => filled(info.upstreamCluster)),
  cluster_metadata: ofInfo(info => (info.upstreamCluster ? new MetadataMessage(info.clusterMetadata) : undefined)),
  route_name: ofRoute(info => info.routeName ?? ''),
  route_metadata: ofRoute(info => new MetadataMessage(info.routeMetadata)),
  virtual_host_name: ofInfo(info => present(info.virtualHostName)),
  virtual_host_metadata: ofInfo(info =>
    info.virtualHostName === null ? undefined : new MetadataMessage(info.virtualHostMetadata),
  ),
  upstream_host_metadata: ofHost(info => new MetadataMessage(info.upstreamHostMetadata)),
  filter_chain_name: ofInfo(info => info.connection.filterChainName),
  listener_metadata: ofInfo(info => new MetadataMessage(info.connection.listenerMetadata ?? null)),
  listener_direction: ofInfo(({ connection }) =>
    BigInt(DIRECTIONS.indexOf(connection.trafficDirection ?? 'UNSPECIFIED')),
  ),
}

/** Entries are bytes, whatever they are elsewhere. */
class FilterState extends CelMap {
  private readonly state: ReadonlyMap<string, unknown> | null

  constructor(state: ReadonlyMap<string, unknown> | null) {
    super()
    this.state = state
  }

  get(key: CelValue): CelValue | undefined {
    const value = typeof key === 'string' ? this.state?.get(key) : undefined
    if (value === undefined || value === null) return undefined
    const { serializeAsString } = value as Partial<FilterStateObject>
    return new CelBytes(
      serializeAsString === undefined ? String(value) : (value as FilterStateObject).serializeAsString(),
    )
  }

  keys(): null {
    return null
  }
}

const OF_NAME: Readonly<Record<string, Attributes>> = {
  request: REQUEST,
  response: RESPONSE,
  connection: CONNECTION,
  source: SOURCE,
  destination: DESTINATION,
  upstream: UPSTREAM,
}

/** Undefined: no such name, or `xds`, which needs to know the node. */
export function attributesNamed(name: string, context: FormatContext): CelValue | undefined {
  if (Object.hasOwn(OF_NAME, name)) return new AttributeMap(OF_NAME[name]!, context)
  if (name === 'metadata') return new MetadataMessage(context.info.dynamicMetadata)
  if (name === 'filter_state') return new FilterState(context.info.filterState)
  // No filter here shares state with the upstream connection.
  const isShared = name === 'upstream_filter_state' && context.info.upstreamLocalAddress !== null
  return isShared ? new FilterState(null) : undefined
}
