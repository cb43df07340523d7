// HOT FILE (docs/hot-path.md): who the client is, and which headers it may send (Envoy's ConnectionManagerUtility).
import { isIP } from 'node:net'
import type { HeaderMap, HeaderName } from '../http/index.ts'
import * as http from '../http/index.ts'
import { ownAddress } from '../net/index.ts'
import type { ConnectionInfo, StreamInfo } from '../observability/index.ts'
import { ForwardedClientCert } from './forwarded-client-cert.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'
import { addOwnNames } from './request-headers.ts'
import { appendRandomRequestId, clearTraceReason, randomRequestId } from './request-id.ts'

/** Names that steer the proxy: an external client's are dropped. */
const EXTERNAL_FORBIDDEN: readonly HeaderName[] = [
  http.X_ENVOY_RETRIABLE_STATUS_CODES,
  http.X_ENVOY_RETRIABLE_HEADER_NAMES,
  http.X_ENVOY_RETRY_ON,
  http.X_ENVOY_RETRY_GRPC_ON,
  http.X_ENVOY_MAX_RETRIES,
  http.X_ENVOY_UPSTREAM_ALT_STAT_NAME,
  http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS,
  http.X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS,
  http.X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE,
  http.X_ENVOY_EXPECTED_RQ_TIMEOUT_MS,
  http.X_ENVOY_FORCE_TRACE,
  http.X_ENVOY_IP_TAGS,
  http.X_ENVOY_ORIGINAL_URL,
  http.X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT,
]
const EDGE_FORBIDDEN: readonly HeaderName[] = [
  http.X_ENVOY_DECORATOR_OPERATION,
  http.X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER,
  http.X_ENVOY_DOWNSTREAM_SERVICE_NODE,
  http.X_ENVOY_ORIGINAL_PATH,
  http.X_ENVOY_ORIGINAL_HOST,
]
const bitsOf = (names: readonly HeaderName[], word: 0 | 1): number =>
  names.reduce((bits, name) => (name.word === word ? bits | name.bit : bits), 0)
const FORBIDDEN_0 = bitsOf([...EXTERNAL_FORBIDDEN, ...EDGE_FORBIDDEN], 0)
const FORBIDDEN_1 = bitsOf([...EXTERNAL_FORBIDDEN, ...EDGE_FORBIDDEN], 1)

/** As Envoy: these alone, not all of 127.0.0.0/8. */
const LOOPBACK = /^(?:127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/

const PROTO_HTTP = new http.PreparedLine(http.X_FORWARDED_PROTO, 'http')
const PROTO_HTTPS = new http.PreparedLine(http.X_FORWARDED_PROTO, 'https')

/** Address without port: '10.0.0.1' of '10.0.0.1:80', '::1' of '[::1]:80'; pipes have none. */
export function hostOf(address: string): string {
  if (address.startsWith('[')) return address.slice(1, address.indexOf(']'))
  const colon = address.lastIndexOf(':')
  return colon < 0 || address.startsWith('/') ? '' : address.slice(0, colon)
}

/** What is the same for all requests of a connection, prepared once. */
export class ConnectionIdentity {
  readonly peerHost: string
  readonly peerIsInternal: boolean
  /** What X-Forwarded-For gains. */
  readonly forwardedFor: string
  readonly forwardedForLine: http.PreparedLine
  readonly externalAddressLine: http.PreparedLine
  readonly isPipe: boolean
  /** 'ip:0' of the peer, as logs print a forwarded address; the real one with port for the connection itself. */
  readonly localPort: string
  /** What X-Forwarded-Proto says of this connection. */
  readonly proto: 'http' | 'https'
  readonly protoLine: http.PreparedLine
  readonly clientCert: ForwardedClientCert

  constructor(plan: HttpConnectionManagerPlan, info: ConnectionInfo) {
    this.isPipe = info.remoteAddress.startsWith('/') || info.remoteAddress === ''
    this.peerHost = hostOf(info.remoteAddress)
    const internal = plan.internalAddresses
    this.peerIsInternal = internal !== null && (this.isPipe ? internal.unixSockets : internal.contains(this.peerHost))
    this.forwardedFor = LOOPBACK.test(this.peerHost) ? ownAddress() : this.peerHost
    this.forwardedForLine = new http.PreparedLine(http.X_FORWARDED_FOR, this.forwardedFor)
    this.externalAddressLine = new http.PreparedLine(http.X_ENVOY_EXTERNAL_ADDRESS, this.peerHost)
    this.localPort = info.localAddress.slice(info.localAddress.lastIndexOf(':') + 1)
    this.proto = info.ssl === null ? 'http' : 'https'
    this.protoLine = info.ssl === null ? PROTO_HTTP : PROTO_HTTPS
    this.clientCert = new ForwardedClientCert(plan.forwardedClientCert, info.ssl)
  }
}

const INTERNAL_TRUE = new http.PreparedLine(http.X_ENVOY_INTERNAL, 'true')

/** The N-th address from the right of X-Forwarded-For, 0 the last; null when there are fewer. `single`: it is the only one. */
export function lastAddress(forwardedFor: string, fromRight: number): { address: string; single: boolean } | null {
  const parts = forwardedFor.split(',')
  const index = parts.length - 1 - fromRight
  if (index < 0) return null
  const address = (parts[index] as string).trim()
  return isIP(address) === 0 ? null : { address, single: parts.length === 1 }
}

export const InternalRequest = 0
/** From outside, behind a hop that is trusted to have looked at it. */
export const ExternalRequest = 1
/** From outside, and this is the first hop. */
export const EdgeRequest = 2

/**
 * Decides the client's address, internal or external, and edge; sets the forwarded headers and drops what the client
 * may not send. Returns where the request comes from, or the status (100 and up) to reject it with.
 */
export function mutateForwarded(
  plan: HttpConnectionManagerPlan,
  identity: ConnectionIdentity,
  headers: HeaderMap,
  info: StreamInfo,
): number {
  let internal = false
  if (plan.useRemoteAddress) {
    const forwardedFor = headers.has(http.X_FORWARDED_FOR) ? headers.get(http.X_FORWARDED_FOR) : undefined
    const trusted = trustedPeer(plan, identity, forwardedFor, info)
    internal = forwardedFor === undefined && identity.peerIsInternal
    if (!plan.skipXffAppend && !identity.isPipe) appendForwardedFor(identity, headers, forwardedFor)
    if (headers.has(http.X_FORWARDED_PROTO)) {
      if (plan.xffNumTrustedHops === 0) headers.set(http.X_FORWARDED_PROTO, identity.proto)
    } else headers.appendPrepared(identity.protoLine)
    if (plan.appendXForwardedPort && (plan.xffNumTrustedHops === 0 || !headers.has(http.X_FORWARDED_PORT))) {
      headers.set(http.X_FORWARDED_PORT, identity.localPort)
    }
    // The scheme is read from X-Forwarded-Proto, which is settled by now.
    dropForbidden(headers, internal, !internal)
    if (internal) headers.appendPrepared(INTERNAL_TRUE)
    addOwnNames(plan, headers)
    if (internal) return InternalRequest
    if (trusted === null) {
      if (headers.has(http.X_ENVOY_EXTERNAL_ADDRESS)) {
        if (identity.isPipe) headers.remove(http.X_ENVOY_EXTERNAL_ADDRESS)
        else headers.set(http.X_ENVOY_EXTERNAL_ADDRESS, identity.peerHost)
      } else if (!identity.isPipe) headers.appendPrepared(identity.externalAddressLine)
    } else headers.set(http.X_ENVOY_EXTERNAL_ADDRESS, trusted)
    return EdgeRequest
  }
  const forwardedFor = headers.has(http.X_FORWARDED_FOR) ? headers.get(http.X_FORWARDED_FOR) : undefined
  if (plan.originalIpDetectors.length > 0) {
    let appends = false
    for (const detector of plan.originalIpDetectors) {
      const detected = detector.detect(forwardedFor, name => headers.get(name), identity.peerHost)
      appends = detector.appendsForwardedFor
      if (detected === null) continue
      if (detected.rejectStatus !== 0) return detected.rejectStatus
      info.remoteAddress = withPort(detected.address)
      internal = detected.trusted && plan.internalAddresses?.contains(detected.address) === true
      break
    }
    if (appends && !identity.isPipe) appendForwardedFor(identity, headers, forwardedFor)
  } else if (forwardedFor !== undefined) {
    const found = lastAddress(forwardedFor, plan.xffNumTrustedHops)
    if (found !== null) {
      info.remoteAddress = withPort(found.address)
      internal = found.single && plan.internalAddresses?.contains(found.address) === true
    }
  }
  if (!headers.has(http.X_FORWARDED_PROTO)) headers.appendPrepared(identity.protoLine)
  if (plan.appendXForwardedPort && !headers.has(http.X_FORWARDED_PORT) && !identity.isPipe) {
    headers.append(http.X_FORWARDED_PORT, identity.localPort)
  }
  dropForbidden(headers, internal, false)
  if (internal) headers.appendPrepared(INTERNAL_TRUE)
  addOwnNames(plan, headers)
  return internal ? InternalRequest : ExternalRequest
}

/** A forwarded address has no port; logs print 0. */
function withPort(address: string): string {
  return address.includes(':') ? `[${address}]:0` : `${address}:0`
}

/** With trusted hops, the client as the hop in front saw it; null: the peer itself. */
function trustedPeer(
  plan: HttpConnectionManagerPlan,
  _identity: ConnectionIdentity,
  forwardedFor: string | undefined,
  info: StreamInfo,
): string | null {
  if (plan.xffNumTrustedHops === 0 || forwardedFor === undefined) return null
  const found = lastAddress(forwardedFor, plan.xffNumTrustedHops - 1)
  if (found === null) return null
  info.remoteAddress = withPort(found.address)
  return found.address
}

function appendForwardedFor(identity: ConnectionIdentity, headers: HeaderMap, present: string | undefined): void {
  if (present === undefined) headers.appendPrepared(identity.forwardedForLine)
  else headers.set(http.X_FORWARDED_FOR, present === '' ? identity.forwardedFor : `${present},${identity.forwardedFor}`)
}

/** RouteConfiguration.internal_only_headers: external requests lose them. */
export function dropInternalOnly(headers: HeaderMap, names: readonly HeaderName[]): void {
  if (headers.has(http.X_ENVOY_INTERNAL)) return
  for (const name of names) headers.remove(name)
}

function dropForbidden(headers: HeaderMap, internal: boolean, edge: boolean): void {
  headers.remove(http.X_ENVOY_INTERNAL)
  if (internal || ((headers.known0 & FORBIDDEN_0) === 0 && (headers.known1 & FORBIDDEN_1) === 0)) return
  for (const name of EXTERNAL_FORBIDDEN) headers.remove(name)
  if (edge) for (const name of EDGE_FORBIDDEN) headers.remove(name)
}

/** Gives the request its id; an edge does not believe a client's own. */
export function setRequestId(plan: HttpConnectionManagerPlan, headers: HeaderMap, edge: boolean): void {
  if (!plan.generateRequestId) return
  const index = headers.find(http.X_REQUEST_ID, 0)
  if (index < 0) {
    appendRandomRequestId(headers)
    return
  }
  if (headers.valueLengthAt(index) > 0) {
    if (!edge) return
    if (plan.preserveExternalRequestId) {
      if (plan.packTraceReason) clearTraceReason(headers)
      return
    }
  }
  headers.set(http.X_REQUEST_ID, randomRequestId())
}

/** Somebody in front has said that there is no scheme: nothing is routed then (Envoy). */
export function hasEmptyForwardedProto(headers: HeaderMap): boolean {
  const index = headers.find(http.X_FORWARDED_PROTO, 0)
  return index >= 0 && headers.valueLengthAt(index) === 0
}
