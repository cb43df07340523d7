// Asks a host by grpc.health.v1.Health/Check.
import {
  CONTENT_TYPE,
  GRPC_STATUS,
  GRPC_TIMEOUT,
  GrpcFrameDecoder,
  grpcFrame,
  HeaderMap,
  type HeaderMutations,
  HOST,
  type RequestEncoder,
  TE,
  USER_AGENT,
} from '../../http/index.ts'
import { StreamInfo } from '../../observability/index.ts'
import type { CheckerPlan, CheckRequest, CheckResults, CheckStreams, CheckTarget, HostCheck } from './checker.ts'
import { NO_CONNECTION } from './http-check.ts'
import { Http2Streams } from './http2-streams.ts'

/** HealthCheckResponse has one field. */
const MAX_MESSAGE_BYTES = 4096
const SERVING = 1
const MAX_TIMEOUT_DIGITS = 99_999_999

export interface GrpcCheckSettings {
  readonly serviceName: string
  /** '' for the cluster's name. */
  readonly authority: string
  readonly metadata: HeaderMutations
}

export function grpcChecker(settings: GrpcCheckSettings): CheckerPlan {
  const request = grpcFrame(healthCheckRequest(settings.serviceName))
  return {
    type: 'GRPC',
    host: settings.authority,
    open: (target, results) => new GrpcCheck(settings.metadata, request, target, results),
  }
}

/** grpc.health.v1.HealthCheckRequest: `string service = 1`. */
function healthCheckRequest(service: string): Buffer {
  if (service === '') return Buffer.alloc(0)
  const bytes = Buffer.from(service)
  const length: number[] = []
  let rest = bytes.length
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([0x0a, ...length, rest]), bytes])
}

/** `ServingStatus status = 1` of a HealthCheckResponse; -1: malformed. */
function servingStatus(message: Buffer): number {
  let status = 0
  for (let at = 0; at < message.length; ) {
    // The field, and nothing else: an answer with more in it is none that a check can read.
    if (message[at++] !== 0x08) return -1
    let shift = 0
    status = 0
    for (; at < message.length && (message[at] as number) > 127; shift += 7) {
      status += ((message[at++] as number) & 127) * 2 ** shift
    }
    if (at === message.length || shift > 35) return -1
    status += (message[at++] as number) * 2 ** shift
  }
  return status
}

class GrpcCheck implements HostCheck, CheckRequest {
  private readonly metadata: HeaderMutations
  private readonly frame: Buffer
  private readonly target: CheckTarget
  private readonly results: CheckResults
  private readonly streams: CheckStreams
  private encoder: RequestEncoder | null = null
  private waiting = false
  private frames = new GrpcFrameDecoder(MAX_MESSAGE_BYTES)
  private httpStatus = 0
  private messages = 0
  private serving = -1

  constructor(metadata: HeaderMutations, frame: Buffer, target: CheckTarget, results: CheckResults) {
    this.metadata = metadata
    this.frame = frame
    this.target = target
    this.results = results
    this.streams = new Http2Streams(target)
  }

  begin(): void {
    this.frames = new GrpcFrameDecoder(MAX_MESSAGE_BYTES)
    this.httpStatus = 0
    this.messages = 0
    this.serving = -1
    this.waiting = true
    this.streams.begin(this)
  }

  send(encoder: RequestEncoder, secure: boolean): void {
    this.encoder = encoder
    const headers = this.request(secure)
    encoder.encodeHeaders(headers, false)
    HeaderMap.release(headers)
    // The head may have been refused on the spot.
    if (this.waiting) encoder.encodeData(this.frame, 0, this.frame.length, true)
  }

  private request(secure: boolean): HeaderMap {
    const { target } = this
    const headers = HeaderMap.acquire()
    headers.method = 'POST'
    headers.path = '/grpc.health.v1.Health/Check'
    headers.scheme = secure ? 'https' : 'http'
    headers.append(HOST, target.hostname === '' ? target.clusterName : target.hostname)
    headers.append(TE, 'trailers')
    headers.append(CONTENT_TYPE, 'application/grpc')
    headers.append(USER_AGENT, 'Envoy/HC')
    if (!this.metadata.isEmpty) {
      this.metadata.apply(headers, headers, null, new StreamInfo(NO_CONNECTION, target.thread.clock.now))
    }
    headers.append(GRPC_TIMEOUT, `${Math.min(Math.ceil(target.timeoutMs), MAX_TIMEOUT_DIGITS)}m`)
    return headers
  }

  decode1xxHeaders(headers: HeaderMap): void {
    HeaderMap.release(headers)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.httpStatus = headers.status
    const grpcStatus = headers.get(GRPC_STATUS)
    HeaderMap.release(headers)
    if (endStream) this.finish(grpcStatus)
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.frames.decode(data, start, end, (flags, message) => {
      this.messages++
      // Compression was not offered.
      this.serving = flags === 0 ? servingStatus(message) : -1
    })
    if (endStream) this.finish(undefined)
    else if (this.frames.tooLarge || this.messages > 1) this.refuse()
  }

  decodeTrailers(trailers: HeaderMap): void {
    const grpcStatus = trailers.get(GRPC_STATUS)
    HeaderMap.release(trailers)
    this.finish(grpcStatus)
  }

  private finish(grpcStatus: string | undefined): void {
    if (!this.waiting) return
    this.release()
    const answered = this.httpStatus === 200 && grpcStatus === '0' && this.messages === 1
    if (answered && this.serving === SERVING) this.results.onCheckPassed(false)
    else this.results.onCheckFailed('ACTIVE', 0, false)
  }

  /** The answer is no HealthCheckResponse, whatever follows. */
  private refuse(): void {
    this.timeOut()
    this.results.onCheckFailed('ACTIVE', 0, false)
  }

  onResetStream(): void {
    if (!this.waiting) return
    this.release()
    this.results.onCheckFailed('NETWORK', 0, true)
  }

  onAboveWriteBufferHighWatermark(): void {
    // One small request: there is nothing to hold back.
  }

  onBelowWriteBufferLowWatermark(): void {
    // See above.
  }

  /** The connection stays: only this call was too slow. */
  timeOut(): void {
    const { encoder } = this
    this.release()
    if (encoder === null) this.streams.close()
    else encoder.resetStream('local_reset')
  }

  private release(): void {
    this.encoder = null
    this.waiting = false
  }

  close(): void {
    this.release()
    this.streams.close()
  }
}
