// Access log entries of sessions and of the whole filter, told as Envoy tells them: counts in dynamic metadata.
import { randomUUID } from 'node:crypto'
import { type AccessLog, formatHostPort, writeAccessLogs } from '../../../net/index.ts'
import { type ConnectionInfo, type StatBlock, StreamInfo } from '../../../observability/index.ts'
import * as stats from './stats.ts'
import type { UdpSession } from './udp-session.ts'

function connectionInfo(connectionId: number, remoteAddress: string, localAddress: string): ConnectionInfo {
  return {
    connectionId,
    remoteAddress,
    directRemoteAddress: remoteAddress,
    localAddress,
    directLocalAddress: localAddress,
    requestedServerName: null,
    filterChainName: '',
    ssl: null,
  }
}

let nextSessionId = 0

export function sessionInfo(peerHost: string, peerPort: number, localAddress: string, nowMs: number): StreamInfo {
  const info = new StreamInfo(connectionInfo(nextSessionId++, formatHostPort(peerHost, peerPort), localAddress), nowMs)
  info.streamId = randomUUID()
  return info
}

function write(logs: readonly AccessLog[], info: StreamInfo, accessLogType: string): void {
  writeAccessLogs(logs, { requestHeaders: null, responseHeaders: null, responseTrailers: null, info, accessLogType })
}

export function logSession(
  logs: readonly AccessLog[],
  session: UdpSession,
  info: StreamInfo,
  nowMs: number,
  accessLogType: 'UdpPeriodic' | 'UdpSessionEnd',
): void {
  const { upstreamHost, socket } = session
  if (socket !== null) {
    info.upstreamHostAddress = upstreamHost.addressText
    info.upstreamHostName = upstreamHost.hostname || upstreamHost.addressText
    info.upstreamRemoteAddress = upstreamHost.addressText
    info.upstreamLocalAddress ??= socket.localAddress.toString()
  }
  info.bytesReceived = session.rxBytes
  info.bytesSent = session.txBytes
  info.endUs = info.sinceStartUs(nowMs)
  info.dynamicMetadata = new Map([
    [
      'udp.proxy.session',
      {
        cluster_name: session.clusterName,
        bytes_sent: session.txBytes,
        bytes_received: session.rxBytes,
        errors_sent: session.txErrors,
        datagrams_sent: session.txDatagrams,
        datagrams_received: session.rxDatagrams,
      },
    ],
  ])
  write(logs, info, accessLogType)
}

/** What the filter has done on this thread. */
export function logProxy(logs: readonly AccessLog[], { cells }: StatBlock, info: StreamInfo, nowMs: number): void {
  info.bytesReceived = cells[stats.RX_BYTES]!
  info.bytesSent = cells[stats.TX_BYTES]!
  info.endUs = info.sinceStartUs(nowMs)
  info.dynamicMetadata = new Map([
    [
      'udp.proxy.proxy',
      {
        bytes_sent: cells[stats.TX_BYTES]!,
        bytes_received: cells[stats.RX_BYTES]!,
        errors_sent: cells[stats.TX_ERRORS]!,
        errors_received: cells[stats.RX_ERRORS]!,
        datagrams_sent: cells[stats.TX_DATAGRAMS]!,
        datagrams_received: cells[stats.RX_DATAGRAMS]!,
        no_route: cells[stats.NO_ROUTE]!,
        session_total: cells[stats.TOTAL]!,
        idle_timeout: cells[stats.IDLE_TIMEOUT]!,
      },
    ],
  ])
  write(logs, info, 'NotSet')
}

/** Of the filter itself, which has no peer. */
export function proxyInfo(nowMs: number): StreamInfo {
  return new StreamInfo(connectionInfo(0, '', ''), nowMs)
}
