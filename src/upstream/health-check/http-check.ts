// Asks a host over HTTP: one request per check, judged by status, body and the cluster that the host says it belongs to.
import type { StringPredicate } from '../../config/index.ts'
import {
  CONTENT_LENGTH,
  HeaderMap,
  type HeaderMutations,
  HeaderName,
  HOST,
  type RequestEncoder,
  USER_AGENT,
  X_ENVOY_DEGRADED,
  X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL,
} from '../../http/index.ts'
import { type ConnectionInfo, StreamInfo } from '../../observability/index.ts'
import { AlpnStreams } from './alpn-streams.ts'
import type { CheckerPlan, CheckRequest, CheckResults, CheckStreams, CheckTarget, HostCheck } from './checker.ts'
import { Http1Streams } from './http1-streams.ts'
import { Http2Streams } from './http2-streams.ts'
import { PayloadMatcher } from './payload.ts'

const CHECKED_CLUSTER = HeaderName.of('x-envoy-upstream-healthchecked-cluster')

/** A check belongs to no downstream connection. */
export const NO_CONNECTION: ConnectionInfo = {
  connectionId: 0,
  remoteAddress: '',
  directRemoteAddress: '',
  localAddress: '',
  directLocalAddress: '',
  requestedServerName: null,
  filterChainName: '',
  ssl: null,
}

/** Half-open: from `start` up to, not including, `end`. */
export interface StatusRange {
  readonly start: number
  readonly end: number
}

export interface HttpCheckSettings {
  readonly host: string
  readonly path: string
  readonly method: string
  readonly send: Buffer
  readonly receive: readonly Buffer[]
  /** Bytes of a body that are looked at; 0: all. */
  readonly responseBufferBytes: number
  readonly mutations: HeaderMutations
  readonly expectedStatuses: readonly StatusRange[]
  readonly retriableStatuses: readonly StatusRange[]
  readonly serviceNameMatcher: StringPredicate | null
  readonly http2: boolean
  /** What TLS has chosen is spoken; `http2` where it has chosen nothing. */
  readonly byAlpn: boolean
}

export function httpChecker(settings: HttpCheckSettings): CheckerPlan {
  return { type: 'HTTP', host: settings.host, open: (target, results) => new HttpCheck(settings, target, results) }
}

function inRanges(status: number, ranges: readonly StatusRange[]): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end)
}

function streamsOf({ http2, byAlpn }: HttpCheckSettings, target: CheckTarget): CheckStreams {
  if (byAlpn) return new AlpnStreams(target, http2)
  return http2 ? new Http2Streams(target) : new Http1Streams(target)
}

class HttpCheck implements HostCheck, CheckRequest {
  private readonly settings: HttpCheckSettings
  private readonly results: CheckResults
  private readonly target: CheckTarget
  private readonly streams: CheckStreams
  private readonly matcher: PayloadMatcher
  private waiting = false
  private response: HeaderMap | null = null
  private bodyBytes = 0

  constructor(settings: HttpCheckSettings, target: CheckTarget, results: CheckResults) {
    this.settings = settings
    this.target = target
    this.results = results
    this.streams = streamsOf(settings, target)
    this.matcher = new PayloadMatcher(settings.receive)
  }

  begin(): void {
    this.matcher.reset()
    this.bodyBytes = 0
    this.waiting = true
    this.streams.begin(this)
  }

  send(encoder: RequestEncoder, secure: boolean): void {
    const { send } = this.settings
    const headers = this.request(secure)
    encoder.encodeHeaders(headers, send.length === 0)
    HeaderMap.release(headers)
    // The head may have been refused on the spot.
    if (send.length > 0 && this.waiting) encoder.encodeData(send, 0, send.length, true)
  }

  private request(secure: boolean): HeaderMap {
    const { settings, target } = this
    const { clock } = target.thread
    const headers = HeaderMap.acquire()
    headers.method = settings.method
    headers.path = settings.path
    headers.scheme = secure ? 'https' : 'http'
    headers.append(HOST, target.hostname === '' ? target.clusterName : target.hostname)
    headers.append(USER_AGENT, 'Envoy/HC')
    if (settings.send.length > 0) headers.append(CONTENT_LENGTH, String(settings.send.length))
    if (!settings.mutations.isEmpty)
      settings.mutations.apply(headers, headers, null, new StreamInfo(NO_CONNECTION, clock.now))
    return headers
  }

  decode1xxHeaders(headers: HeaderMap): void {
    HeaderMap.release(headers)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.response = headers
    if (endStream) this.complete()
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    const limit = this.settings.responseBufferBytes
    const room = limit === 0 ? end - start : Math.min(end - start, limit - this.bodyBytes)
    this.matcher.feed(data, start, start + room)
    this.bodyBytes += room
    if (endStream) this.complete()
  }

  decodeTrailers(trailers: HeaderMap): void {
    HeaderMap.release(trailers)
    this.complete()
  }

  private complete(): void {
    const response = this.response as HeaderMap
    this.response = null
    this.waiting = false
    this.judge(response)
    HeaderMap.release(response)
  }

  private judge(response: HeaderMap): void {
    const { settings, results } = this
    const { status } = response
    if (!inRanges(status, settings.expectedStatuses)) {
      this.fail(response, inRanges(status, settings.retriableStatuses))
      return
    }
    if (!this.matcher.complete) {
      this.fail(response, false)
      return
    }
    const { runtime, random } = this.target.thread
    const { serviceNameMatcher } = settings
    const everyone = { numerator: 100, denominator: 100 }
    if (
      serviceNameMatcher !== null &&
      runtime.snapshot.featureEnabled('health_check.verify_cluster', everyone, random())
    ) {
      results.onClusterVerified()
      if (!serviceNameMatcher(response.get(CHECKED_CLUSTER) ?? '')) {
        this.fail(response, false)
        return
      }
    }
    results.onCheckPassed(response.has(X_ENVOY_DEGRADED))
  }

  private fail(response: HeaderMap, retriable: boolean): void {
    if (response.has(X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL)) this.results.onExcluded()
    this.results.onCheckFailed('ACTIVE', response.status, retriable)
  }

  onResetStream(): void {
    if (!this.waiting) return
    this.dropResponse()
    this.results.onCheckFailed('NETWORK', 0, true)
  }

  onAboveWriteBufferHighWatermark(): void {
    // One small request: there is nothing to hold back.
  }

  onBelowWriteBufferLowWatermark(): void {
    // See above.
  }

  timeOut(): void {
    this.dropResponse()
    this.streams.close()
  }

  close(): void {
    this.dropResponse()
    this.streams.close()
  }

  private dropResponse(): void {
    this.waiting = false
    if (this.response !== null) HeaderMap.release(this.response)
    this.response = null
  }
}
