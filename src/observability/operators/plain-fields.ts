import { hostname } from 'node:os'
import type { Field, FieldValue } from '../format-context.ts'
import { flagsToLongString, flagsToString } from '../response-flags.ts'
import type { StreamInfo, UpstreamAttempt } from '../stream-info.ts'
import { ADDRESS_FIELDS, hostOf } from './addresses.ts'
import { wholeMs } from './durations.ts'
import { TLS_FIELDS } from './tls-fields.ts'

const present = (text: string | null): FieldValue => (text === null || text === '' ? null : text)
/** Details become one word, so that a line splits at spaces. */
const oneWord = (text: string | null): FieldValue => present(text)?.toString().replaceAll(' ', '_') ?? null
const info =
  (read: (info: StreamInfo) => FieldValue): Field =>
  context =>
    read(context.info)

const responseTxUs = (i: StreamInfo): number =>
  i.firstUpstreamRxByteUs < 0 || i.lastDownstreamTxByteUs < 0 ? -1 : i.lastDownstreamTxByteUs - i.firstUpstreamRxByteUs
/** A list is kept where there was more than one. */
const attempts = (i: StreamInfo): readonly UpstreamAttempt[] =>
  i.upstreamAttempts ??
  (i.upstreamRemoteAddress === null
    ? []
    : [{ address: i.upstreamRemoteAddress, hostname: i.connectedHostName, connectionId: i.upstreamConnectionId }])
const attempted = (read: (attempt: UpstreamAttempt) => string): Field =>
  info(i => present(attempts(i).map(read).filter(Boolean).join(',')))
const nameOf = ({ hostname, address }: UpstreamAttempt): string => hostname || address
const hostName = (i: StreamInfo): string | null => i.upstreamHostName || i.upstreamHostAddress
const closeType = (errno: string | null | undefined): string => (errno === 'ECONNRESET' ? 'RemoteReset' : 'Normal')

/** Known to Envoy; nothing here can have a value for them yet: HTTP/3 and close reasons. */
const EMPTY = [
  'DOWNSTREAM_LOCAL_CLOSE_REASON',
  'UPSTREAM_LOCAL_CLOSE_REASON',
  'ROUNDTRIP_DURATION',
  'DOWNSTREAM_HANDSHAKE_DURATION',
]

/** Operators without arguments. */
export const PLAIN_FIELDS: Readonly<Record<string, Field>> = {
  ...Object.fromEntries(EMPTY.map(name => [name, (): FieldValue => null])),
  ...ADDRESS_FIELDS,
  ...TLS_FIELDS,
  TLS_JA3_FINGERPRINT: info(i => present(i.connection.ja3 ?? null)),
  TLS_JA4_FINGERPRINT: info(i => present(i.connection.ja4 ?? null)),
  PROTOCOL: info(i => i.protocol),
  UPSTREAM_PROTOCOL: info(i => i.upstreamProtocol),
  RESPONSE_CODE: info(i => i.responseCode),
  RESPONSE_CODE_DETAILS: info(i => (i.responseCodeDetails === '' ? '' : oneWord(i.responseCodeDetails))),
  CONNECTION_TERMINATION_DETAILS: info(i => i.connectionTerminationDetails),
  RESPONSE_FLAGS: info(i => flagsToString(i.flags, i.protocol === null)),
  RESPONSE_FLAGS_LONG: info(i => flagsToLongString(i.flags, i.protocol === null)),
  RESPONSE_CAUSE: info(i => (i.cause === null ? null : { ...i.cause })),
  CUSTOM_FLAGS: () => '',
  BYTES_RECEIVED: info(i => i.bytesReceived),
  BYTES_SENT: info(i => i.bytesSent),
  // Of QUIC, as in Envoy.
  BYTES_RETRANSMITTED: () => 0,
  PACKETS_RETRANSMITTED: () => 0,
  DURATION: info(i => wholeMs(i.endUs)),
  REQUEST_DURATION: info(i => wholeMs(i.lastDownstreamRxByteUs)),
  REQUEST_TX_DURATION: info(i => wholeMs(i.lastUpstreamTxByteUs)),
  RESPONSE_DURATION: info(i => wholeMs(i.firstUpstreamRxByteUs)),
  RESPONSE_TX_DURATION: info(i => wholeMs(responseTxUs(i))),
  UPSTREAM_CONNECTION_POOL_READY_DURATION: info(i => wholeMs(i.upstreamPoolReadyUs)),
  ROUTE_NAME: info(i => present(i.routeName)),
  VIRTUAL_HOST_NAME: info(i => present(i.virtualHostName)),
  VIRTUAL_CLUSTER_NAME: info(i => present(i.virtualClusterName)),
  UPSTREAM_CLUSTER: info(i => present(i.upstreamCluster)),
  UPSTREAM_CLUSTER_RAW: info(i => present(i.upstreamClusterRaw ?? i.upstreamCluster)),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: info(i => i.upstreamRequestAttemptCount),
  UPSTREAM_HOST: info(i => present(i.upstreamHostAddress)),
  UPSTREAM_HOST_NAME: info(i => present(hostName(i))),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: info(i => present(hostOf(hostName(i) ?? ''))),
  UPSTREAM_HOSTS_ATTEMPTED: attempted(({ address }) => address),
  UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT: attempted(({ address }) => hostOf(address)),
  UPSTREAM_HOST_NAMES_ATTEMPTED: attempted(nameOf),
  UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT: attempted(attempt => hostOf(nameOf(attempt))),
  UPSTREAM_CONNECTION_IDS_ATTEMPTED: attempted(({ connectionId }) => (connectionId === 0 ? '' : String(connectionId))),
  UPSTREAM_DETECTED_CLOSE_TYPE: info(i =>
    i.upstreamHostAddress === null ? null : closeType(i.upstreamConnection?.errno),
  ),
  DOWNSTREAM_DETECTED_CLOSE_TYPE: info(i => i.connection.detectedCloseType ?? 'Normal'),
  UPSTREAM_CONNECTION_ID: info(i => i.upstreamConnectionId),
  UPSTREAM_TRANSPORT_FAILURE_REASON: info(i => oneWord(i.upstreamTransportFailureReason)),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: info(i => oneWord(i.downstreamTransportFailureReason)),
  FILTER_CHAIN_NAME: info(i => present(i.connection.filterChainName)),
  REQUESTED_SERVER_NAME: info(i => present(i.connection.requestedServerName)),
  TRACE_ID: info(i => present(i.trace?.span?.traceId ?? null)),
  SPAN_ID: info(i => present(i.trace?.span?.spanId ?? null)),
  CONNECTION_ID: info(i => i.connection.connectionId),
  // As Envoy: the id of the request.
  STREAM_ID: context => context.info.streamId ?? context.requestHeaders?.lookup('x-request-id') ?? null,
  UNIQUE_ID: () => crypto.randomUUID(),
  HOSTNAME: () => hostname(),
  ACCESS_LOG_TYPE: context => context.accessLogType ?? null,
  LOCAL_REPLY_BODY: context => context.localReplyBody ?? '',
  REQUEST_HEADERS_BYTES: context => context.requestHeaders?.byteSize ?? 0,
  RESPONSE_HEADERS_BYTES: context => context.responseHeaders?.byteSize ?? 0,
  RESPONSE_TRAILERS_BYTES: context => context.responseTrailers?.byteSize ?? 0,
  DOWNSTREAM_WIRE_BYTES_RECEIVED: info(i => i.downstreamBytes?.wireReceived ?? 0),
  DOWNSTREAM_WIRE_BYTES_SENT: info(i => i.downstreamBytes?.wireSent ?? 0),
  DOWNSTREAM_HEADER_BYTES_RECEIVED: info(i => i.downstreamBytes?.headerReceived ?? 0),
  DOWNSTREAM_HEADER_BYTES_SENT: info(i => i.downstreamBytes?.headerSent ?? 0),
  UPSTREAM_WIRE_BYTES_SENT: info(i => i.upstreamBytes?.wireSent ?? 0),
  UPSTREAM_WIRE_BYTES_RECEIVED: info(i => i.upstreamBytes?.wireReceived ?? 0),
  UPSTREAM_HEADER_BYTES_SENT: info(i => i.upstreamBytes?.headerSent ?? 0),
  UPSTREAM_HEADER_BYTES_RECEIVED: info(i => i.upstreamBytes?.headerReceived ?? 0),
}
