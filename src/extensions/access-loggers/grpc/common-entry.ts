// envoy.data.accesslog.v3.AccessLogCommon: what is told of requests and connections alike.
import { addressMessage } from '../../../net/index.ts'
import {
  type CertificateInfo,
  type FormatContext,
  ResponseFlag,
  type SslConnectionInfo,
  type StreamInfo,
} from '../../../observability/index.ts'
import type { CustomTags } from './custom-tags.ts'

/** Protobuf texts are UTF-8; what is none becomes replacement characters, as in Envoy. */
export const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')

const LOG_TYPES = [
  'NotSet',
  'TcpUpstreamConnected',
  'TcpPeriodic',
  'TcpConnectionEnd',
  'DownstreamStart',
  'DownstreamPeriodic',
  'DownstreamEnd',
  'UpstreamPoolReady',
  'UpstreamPeriodic',
  'UpstreamEnd',
  'DownstreamTunnelSuccessfullyEstablished',
  'UdpTunnelUpstreamConnected',
  'UdpPeriodic',
  'UdpSessionEnd',
  'TcpConnectionStart',
]

export function commonEntry(context: FormatContext, tags: CustomTags): object {
  const { info, accessLogType } = context
  const { connection } = info
  return {
    downstreamRemoteAddress: addressMessage(info.remoteAddress ?? connection.remoteAddress),
    downstreamDirectRemoteAddress: addressMessage(connection.directRemoteAddress),
    downstreamLocalAddress: addressMessage(connection.localAddress),
    upstreamRemoteAddress: addressOrNone(info.upstreamRemoteAddress ?? info.upstreamHostAddress),
    upstreamLocalAddress: addressOrNone(info.upstreamLocalAddress),
    tlsProperties: connection.ssl === null ? undefined : tlsProperties(connection.ssl, info),
    startTime: timestamp(info.startWallMs),
    ...times(info),
    upstreamCluster: info.upstreamCluster ?? '',
    routeName: info.routeName ?? '',
    upstreamTransportFailureReason: utf8(info.upstreamTransportFailureReason ?? ''),
    downstreamTransportFailureReason: utf8(info.downstreamTransportFailureReason ?? ''),
    connectionTerminationDetails: utf8(info.connectionTerminationDetails ?? ''),
    upstreamRequestAttemptCount: info.upstreamRequestAttemptCount,
    responseFlags: info.flags === 0 ? undefined : responseFlags(info.flags),
    metadata: info.dynamicMetadata === null ? undefined : { filterMetadata: Object.fromEntries(info.dynamicMetadata) },
    customTags: tags.values(context),
    streamId: info.streamId ?? utf8(context.requestHeaders?.lookup('x-request-id') ?? ''),
    downstreamWireBytesSent: BigInt(info.downstreamBytes?.wireSent ?? 0),
    downstreamWireBytesReceived: BigInt(info.downstreamBytes?.wireReceived ?? 0),
    upstreamWireBytesSent: BigInt(info.upstreamBytes?.wireSent ?? 0),
    upstreamWireBytesReceived: BigInt(info.upstreamBytes?.wireReceived ?? 0),
    accessLogType: Math.max(LOG_TYPES.indexOf(accessLogType ?? 'NotSet'), 0),
  }
}

const addressOrNone = (text: string | null): object | undefined =>
  text === null || text === '' ? undefined : addressMessage(text)

export function timestamp(wallMs: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(wallMs / 1000)
  return { seconds: BigInt(seconds), nanos: Math.floor((wallMs - seconds * 1000) * 1e6) }
}

/** Undefined: the point was not reached. */
function duration(us: number): object | undefined {
  if (us < 0) return undefined
  return { seconds: BigInt(Math.floor(us / 1e6)), nanos: (us % 1_000_000) * 1000 }
}

function times(info: StreamInfo): object {
  return {
    timeToLastRxByte: duration(info.lastDownstreamRxByteUs),
    timeToFirstUpstreamTxByte: duration(info.firstUpstreamTxByteUs),
    timeToLastUpstreamTxByte: duration(info.lastUpstreamTxByteUs),
    timeToFirstUpstreamRxByte: duration(info.firstUpstreamRxByteUs),
    timeToLastUpstreamRxByte: duration(info.lastUpstreamRxByteUs),
    timeToFirstDownstreamTxByte: duration(info.firstDownstreamTxByteUs),
    timeToLastDownstreamTxByte: duration(info.lastDownstreamTxByteUs),
    duration: duration(info.endUs),
  }
}

const FLAGS: readonly (readonly [flag: keyof typeof ResponseFlag, field: string])[] = [
  ['FailedLocalHealthCheck', 'failedLocalHealthcheck'],
  ['NoHealthyUpstream', 'noHealthyUpstream'],
  ['UpstreamRequestTimeout', 'upstreamRequestTimeout'],
  ['LocalReset', 'localReset'],
  ['UpstreamRemoteReset', 'upstreamRemoteReset'],
  ['UpstreamConnectionFailure', 'upstreamConnectionFailure'],
  ['UpstreamConnectionTermination', 'upstreamConnectionTermination'],
  ['UpstreamOverflow', 'upstreamOverflow'],
  ['NoRouteFound', 'noRouteFound'],
  ['DelayInjected', 'delayInjected'],
  ['FaultInjected', 'faultInjected'],
  ['RateLimited', 'rateLimited'],
  ['RateLimitServiceError', 'rateLimitServiceError'],
  ['DownstreamConnectionTermination', 'downstreamConnectionTermination'],
  ['UpstreamRetryLimitExceeded', 'upstreamRetryLimitExceeded'],
  ['StreamIdleTimeout', 'streamIdleTimeout'],
  ['InvalidEnvoyRequestHeaders', 'invalidEnvoyRequestHeaders'],
  ['DownstreamProtocolError', 'downstreamProtocolError'],
  ['UpstreamMaxStreamDurationReached', 'upstreamMaxStreamDurationReached'],
  ['ResponseFromCacheFilter', 'responseFromCacheFilter'],
  ['NoFilterConfigFound', 'noFilterConfigFound'],
  ['DurationTimeout', 'durationTimeout'],
  ['UpstreamProtocolError', 'upstreamProtocolError'],
  ['NoClusterFound', 'noClusterFound'],
  ['OverloadManagerTerminated', 'overloadManager'],
  ['DnsResolutionFailed', 'dnsResolutionFailure'],
  ['DownstreamRemoteReset', 'downstreamRemoteReset'],
]
const EXTERNAL_SERVICE = 1

function responseFlags(flags: number): object {
  const fields: Record<string, unknown> = {}
  for (const [flag, field] of FLAGS) if ((flags & ResponseFlag[flag]) !== 0) fields[field] = true
  if ((flags & ResponseFlag.UnauthorizedExternalService) !== 0) {
    fields['unauthorizedDetails'] = { reason: EXTERNAL_SERVICE }
  }
  return fields
}

const TLS_VERSIONS = ['', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

function tlsProperties(ssl: SslConnectionInfo, info: StreamInfo): object {
  return {
    tlsVersion: Math.max(TLS_VERSIONS.indexOf(ssl.version), 0),
    tlsSniHostname: info.connection.requestedServerName ?? '',
    tlsSessionId: ssl.sessionId,
    localCertificateProperties: certificateProperties(ssl.localCertificate),
    peerCertificateProperties: certificateProperties(ssl.peerCertificate),
  }
}

function certificateProperties(certificate: CertificateInfo | null): object {
  if (certificate === null) return {}
  const names = [
    ...certificate.uriSans.map(value => ({ san: { case: 'uri', value } })),
    ...certificate.dnsSans.map(value => ({ san: { case: 'dns', value } })),
  ]
  return { subjectAltName: names, subject: certificate.subject, issuer: certificate.issuer }
}
