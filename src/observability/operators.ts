// The operators of Envoy's substitution formatter that have a meaning here. Each compiles once to a function.
import { hostname } from 'node:os'
import type { Field, FieldValue, FormatContext, HeaderLookup } from './format-context.ts'
import { flagsToLongString, flagsToString } from './response-flags.ts'
import { formatTime } from './start-time.ts'
import type { StreamInfo } from './stream-info.ts'

const present = (text: string | null): FieldValue => (text === null || text === '' ? null : text)
const ms = (us: number): FieldValue => (us < 0 ? null : Math.floor(us / 1000))
const info =
  (read: (info: StreamInfo) => FieldValue): Field =>
  context =>
    read(context.info)
const nothing: Field = () => null

/** '10.0.0.1' of '10.0.0.1:80'. */
function host(address: string): string {
  if (address.startsWith('[')) return address.slice(1, address.indexOf(']'))
  const colon = address.lastIndexOf(':')
  return address.startsWith('/') || colon < 0 ? address : address.slice(0, colon)
}

function port(address: string): FieldValue {
  const colon = address.lastIndexOf(':')
  return address.startsWith('/') || colon < 0 ? null : Number(address.slice(colon + 1))
}

const remote = (i: StreamInfo): string => i.remoteAddress ?? i.connection.remoteAddress

/** Operators without arguments. */
const PLAIN: Readonly<Record<string, Field>> = {
  PROTOCOL: info(i => i.protocol),
  UPSTREAM_PROTOCOL: info(i => i.upstreamProtocol),
  RESPONSE_CODE: info(i => i.responseCode),
  RESPONSE_CODE_DETAILS: info(i => i.responseCodeDetails?.replaceAll(' ', '_') ?? null),
  CONNECTION_TERMINATION_DETAILS: info(i => i.connectionTerminationDetails),
  RESPONSE_FLAGS: info(i => flagsToString(i.flags, i.protocol === null)),
  RESPONSE_FLAGS_LONG: info(i => flagsToLongString(i.flags, i.protocol === null)),
  RESPONSE_CAUSE: info(i => (i.cause === null ? null : { ...i.cause })),
  BYTES_RECEIVED: info(i => i.bytesReceived),
  BYTES_SENT: info(i => i.bytesSent),
  DURATION: info(i => ms(i.endUs)),
  REQUEST_DURATION: info(i => ms(i.lastDownstreamRxByteUs)),
  REQUEST_TX_DURATION: info(i => ms(i.lastUpstreamTxByteUs)),
  RESPONSE_DURATION: info(i => ms(i.firstUpstreamRxByteUs)),
  RESPONSE_TX_DURATION: info(i =>
    i.firstUpstreamRxByteUs < 0 || i.lastDownstreamTxByteUs < 0
      ? null
      : ms(i.lastDownstreamTxByteUs - i.firstUpstreamRxByteUs),
  ),
  UPSTREAM_CONNECTION_POOL_READY_DURATION: info(i => ms(i.upstreamPoolReadyUs)),
  ROUTE_NAME: info(i => present(i.routeName)),
  VIRTUAL_HOST_NAME: info(i => present(i.virtualHostName)),
  VIRTUAL_CLUSTER_NAME: info(i => present(i.virtualClusterName)),
  UPSTREAM_CLUSTER: info(i => present(i.upstreamCluster)),
  UPSTREAM_CLUSTER_RAW: info(i => present(i.upstreamCluster)),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: info(i => i.upstreamRequestAttemptCount),
  UPSTREAM_HOST: info(i => present(i.upstreamHostAddress)),
  UPSTREAM_HOST_NAME: info(i => present(i.upstreamHostName ?? i.upstreamHostAddress)),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: info(i =>
    (i.upstreamHostName ?? i.upstreamHostAddress) === null
      ? null
      : host((i.upstreamHostName ?? i.upstreamHostAddress) as string),
  ),
  UPSTREAM_HOSTS_ATTEMPTED: info(i => i.upstreamHostsAttempted?.join(',') ?? null),
  UPSTREAM_CONNECTION_ID: info(i => i.upstreamConnectionId || null),
  UPSTREAM_TRANSPORT_FAILURE_REASON: info(i => i.upstreamTransportFailureReason?.replaceAll(' ', '_') ?? null),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: info(i => i.downstreamTransportFailureReason),
  FILTER_CHAIN_NAME: info(i => present(i.connection.filterChainName)),
  REQUESTED_SERVER_NAME: info(i => i.connection.requestedServerName),
  CONNECTION_ID: info(i => i.connection.connectionId),
  STREAM_ID: info(i => i.streamId),
  HOSTNAME: () => hostname(),
  ACCESS_LOG_TYPE: context => context.accessLogType ?? null,
  LOCAL_REPLY_BODY: context => context.localReplyBody ?? '',
  REQUEST_HEADERS_BYTES: context => context.requestHeaders?.byteSize ?? 0,
  RESPONSE_HEADERS_BYTES: context => context.responseHeaders?.byteSize ?? 0,
  RESPONSE_TRAILERS_BYTES: context => context.responseTrailers?.byteSize ?? 0,
  DOWNSTREAM_WIRE_BYTES_RECEIVED: info(i => i.downstreamWireBytesReceived),
  DOWNSTREAM_WIRE_BYTES_SENT: info(i => i.downstreamWireBytesSent),
  DOWNSTREAM_HEADER_BYTES_RECEIVED: info(i => i.downstreamHeaderBytesReceived),
  DOWNSTREAM_HEADER_BYTES_SENT: info(i => i.downstreamHeaderBytesSent),
  UPSTREAM_WIRE_BYTES_SENT: info(i => i.upstreamWireBytesSent),
  UPSTREAM_WIRE_BYTES_RECEIVED: info(i => i.upstreamWireBytesReceived),
  UPSTREAM_HEADER_BYTES_SENT: info(i => i.upstreamHeaderBytesSent),
  UPSTREAM_HEADER_BYTES_RECEIVED: info(i => i.upstreamHeaderBytesReceived),
  GRPC_STATUS: context => grpcStatus(context),
  GRPC_STATUS_NUMBER: context => grpcStatus(context),
}

function grpcStatus(context: FormatContext): FieldValue {
  const text = context.responseTrailers?.lookup('grpc-status') ?? context.responseHeaders?.lookup('grpc-status')
  return text === undefined ? null : Number(text)
}

const ADDRESSES: Readonly<Record<string, (i: StreamInfo) => string | null>> = {
  DOWNSTREAM_REMOTE: remote,
  DOWNSTREAM_DIRECT_REMOTE: i => i.connection.directRemoteAddress,
  DOWNSTREAM_LOCAL: i => i.connection.localAddress,
  DOWNSTREAM_DIRECT_LOCAL: i => i.connection.directLocalAddress,
  UPSTREAM_LOCAL: i => i.upstreamLocalAddress,
  UPSTREAM_REMOTE: i => i.upstreamRemoteAddress ?? i.upstreamHostAddress,
}
for (const [prefix, read] of Object.entries(ADDRESSES)) {
  const table = PLAIN as Record<string, Field>
  table[`${prefix}_ADDRESS`] = info(i => present(read(i)))
  table[`${prefix}_ADDRESS_WITHOUT_PORT`] = info(i => {
    const address = read(i)
    return address === null ? null : host(address)
  })
  table[`${prefix}_PORT`] = info(i => {
    const address = read(i)
    return address === null ? null : port(address)
  })
}

/** Known operators that can have no value before TLS is there. */
const TLS_ONLY =
  /^(DOWNSTREAM|UPSTREAM)_(LOCAL|PEER|TLS)_|^TLS_JA[34]_FINGERPRINT$|^(TRACE|SPAN)_ID$|^UPSTREAM_SERVER_NAME$/
const EMPTY_HERE = new Set([
  'BYTES_RETRANSMITTED',
  'PACKETS_RETRANSMITTED',
  'ROUNDTRIP_DURATION',
  'DOWNSTREAM_HANDSHAKE_DURATION',
  'CUSTOM_FLAGS',
  'DOWNSTREAM_LOCAL_CLOSE_REASON',
  'UPSTREAM_LOCAL_CLOSE_REASON',
  'DOWNSTREAM_DETECTED_CLOSE_TYPE',
  'UPSTREAM_DETECTED_CLOSE_TYPE',
  'UPSTREAM_FILTER_STATE',
])

type Headers = (context: FormatContext) => HeaderLookup | null
const REQUEST: Headers = context => context.requestHeaders
const RESPONSE: Headers = context => context.responseHeaders
const TRAILERS: Headers = context => context.responseTrailers

/** `REQ(X?Y):Z`: the value of X, or else of Y, cut to Z characters. */
function header(headers: Headers, argument: string, maxLength: number): Field {
  const [main = '', alternative] = argument.toLowerCase().split('?')
  return context => {
    const map = headers(context)
    const value = map?.lookup(main) ?? (alternative === undefined ? undefined : map?.lookup(alternative))
    if (value === undefined) return null
    return maxLength >= 0 ? value.slice(0, maxLength) : value
  }
}

function path(argument: string, maxLength: number): Field {
  const [query = 'WQ', which = 'ORIG_OR_PATH'] = argument.split(':')
  return context => {
    const headers = context.requestHeaders
    const original = headers?.lookup('x-envoy-original-path')
    const current = headers?.lookup(':path')
    let value = which === 'ORIG' ? original : which === 'PATH' ? current : (original ?? current)
    if (value === undefined) return null
    if (query === 'NQ') value = value.split('?')[0] as string
    return maxLength >= 0 ? value.slice(0, maxLength) : value
  }
}

function queryParameter(name: string, maxLength: number): Field {
  return context => {
    const text = context.requestHeaders?.lookup(':path')
    const start = text?.indexOf('?') ?? -1
    if (text === undefined || start < 0) return null
    for (const pair of text.slice(start + 1).split('&')) {
      const equals = pair.indexOf('=')
      const key = equals < 0 ? pair : pair.slice(0, equals)
      if (key !== name) continue
      const value = equals < 0 ? '' : pair.slice(equals + 1)
      return maxLength >= 0 ? value.slice(0, maxLength) : value
    }
    return null
  }
}

function metadata(read: (i: StreamInfo) => object | null, argument: string): Field {
  const keys = argument.split(':')
  return context => {
    let value: unknown = read(context.info)
    for (const key of keys) {
      if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return null
      value = (value as Record<string, unknown>)[key]
    }
    return value === undefined ? null : (value as FieldValue)
  }
}

const TIME_POINTS: Readonly<Record<string, (i: StreamInfo) => number>> = {
  DS_RX_BEG: () => 0,
  DS_RX_END: i => i.lastDownstreamRxByteUs,
  US_CX_BEG: i => i.upstreamConnectStartUs,
  US_CX_END: i => i.upstreamConnectEndUs,
  US_TX_BEG: i => i.firstUpstreamTxByteUs,
  US_TX_END: i => i.lastUpstreamTxByteUs,
  US_RX_BEG: i => i.firstUpstreamRxByteUs,
  US_RX_BODY_BEG: i => i.firstUpstreamRxBodyByteUs,
  US_RX_END: i => i.lastUpstreamRxByteUs,
  DS_TX_BEG: i => i.firstDownstreamTxByteUs,
  DS_TX_END: i => i.lastDownstreamTxByteUs,
}

function commonDuration(argument: string): Field | undefined {
  const [from = '', to = '', unit = 'ms'] = argument.split(':')
  const divisor = { ms: 1000, us: 1, ns: 0.001 }[unit]
  const start = TIME_POINTS[from]
  const end = TIME_POINTS[to]
  if (start === undefined || end === undefined || divisor === undefined) return undefined
  return info(i => {
    const a = start(i)
    const b = end(i)
    return a < 0 || b < a ? null : Math.floor((b - a) / divisor)
  })
}

/** The function of one operator; undefined when it is unknown or its argument makes no sense. */
export function compileOperator(name: string, argument: string | undefined, maxLength: number): Field | undefined {
  switch (name) {
    case 'REQ':
    case 'REQUEST_HEADER':
      return argument === undefined ? undefined : header(REQUEST, argument, maxLength)
    case 'RESP':
    case 'RESPONSE_HEADER':
      return argument === undefined ? undefined : header(RESPONSE, argument, maxLength)
    case 'TRAILER':
    case 'RESPONSE_TRAILER':
      return argument === undefined ? undefined : header(TRAILERS, argument, maxLength)
    case 'REQ_WITHOUT_QUERY': {
      if (argument === undefined) return undefined
      const read = header(REQUEST, argument, -1)
      return context => {
        const value = read(context)
        return typeof value === 'string' ? (value.split('?')[0] as string) : value
      }
    }
    case 'PATH':
      return path(argument ?? 'WQ', maxLength)
    case 'QUERY_PARAM':
      return argument === undefined ? undefined : queryParameter(argument, maxLength)
    case 'START_TIME':
    case 'START_TIME_LOCAL':
      return context => formatTime(context.info.startWallMs, argument ?? '')
    case 'EMIT_TIME':
    case 'EMIT_TIME_LOCAL':
      return () => formatTime(Date.now(), argument ?? '')
    case 'COMMON_DURATION':
      return argument === undefined ? undefined : commonDuration(argument)
    case 'ENVIRONMENT':
      return argument === undefined
        ? undefined
        : () => process.env[argument]?.slice(0, maxLength < 0 ? undefined : maxLength) ?? null
    case 'DYNAMIC_METADATA':
      return metadata(i => (i.dynamicMetadata === null ? null : Object.fromEntries(i.dynamicMetadata)), argument ?? '')
    case 'UPSTREAM_METADATA':
      return metadata(i => i.upstreamHostMetadata, argument ?? '')
    case 'CLUSTER_METADATA':
      return metadata(i => i.clusterMetadata, argument ?? '')
    case 'FILTER_STATE': {
      const key = (argument ?? '').split(':')[0] as string
      return info(i => (i.filterState?.get(key) as FieldValue | undefined) ?? null)
    }
    case 'UNIQUE_ID':
      return () => crypto.randomUUID()
    default:
      break
  }
  if (Object.hasOwn(PLAIN, name)) return PLAIN[name]
  return TLS_ONLY.test(name) || EMPTY_HERE.has(name) ? nothing : undefined
}

/** Names of all operators, for suggestions. */
export const operatorNames: readonly string[] = [
  ...Object.keys(PLAIN),
  'REQ',
  'RESP',
  'TRAILER',
  'PATH',
  'QUERY_PARAM',
  'START_TIME',
  'EMIT_TIME',
  'COMMON_DURATION',
  'ENVIRONMENT',
  'DYNAMIC_METADATA',
  'UPSTREAM_METADATA',
  'CLUSTER_METADATA',
  'FILTER_STATE',
  'UNIQUE_ID',
  'REQ_WITHOUT_QUERY',
]
