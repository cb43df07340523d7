// HOT FILE (docs/hot-path.md): envoy.service.ratelimit.v3.RateLimitService over gRPC.
import { type Histogram, type StatStore, statTemplate } from '../../../observability/index.ts'
import type { Answer, AnswerCallbacks, Failure } from '../answer.ts'
import type { RateLimiter } from '../limiter/rate-limiter.ts'
import { decodeRateLimitRequest } from '../wire/rate-limit-request.ts'
import { encodeRateLimitResponse, responseFrame } from '../wire/rate-limit-response.ts'
import type { GrpcCall, GrpcMethod } from './grpc-call.ts'
import { GRPC_INVALID_ARGUMENT, GRPC_UNAVAILABLE } from './grpc-status.ts'

export const SHOULD_RATE_LIMIT = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'

const METHOD_STATS = statTemplate({ counters: ['total_requests'], histograms: ['response_time'] })
const TOTAL_REQUESTS = METHOD_STATS.slot('total_requests')
const RESPONSE_TIME = METHOD_STATS.slot('response_time')

class Reply implements AnswerCallbacks {
  private readonly call: GrpcCall
  private readonly method: ShouldRateLimit
  private readonly startMs: number

  constructor(call: GrpcCall, method: ShouldRateLimit, startMs: number) {
    this.call = call
    this.method = method
    this.startMs = startMs
  }

  onAnswer(answer: Answer): void {
    const length = encodeRateLimitResponse(answer)
    this.call.respond(responseFrame(), length)
    this.method.recordTime(this.startMs)
  }

  onFailure({ kind, message }: Failure): void {
    this.call.fail(kind === 'request' ? GRPC_INVALID_ARGUMENT : GRPC_UNAVAILABLE, message)
    this.method.recordTime(this.startMs)
  }
}

export class ShouldRateLimit {
  private readonly limiter: RateLimiter
  private readonly clock: { readonly now: number }
  private readonly cells: Float64Array
  private readonly times: Histogram

  constructor(limiter: RateLimiter, clock: { readonly now: number }, stats: StatStore) {
    const block = stats.block('ratelimit_server.ShouldRateLimit.', METHOD_STATS)
    this.limiter = limiter
    this.clock = clock
    this.cells = block.cells
    this.times = block.histogram(RESPONSE_TIME)
  }

  readonly method: GrpcMethod = (message, start, end, call) => {
    this.cells[TOTAL_REQUESTS]! += 1
    const request = decodeRateLimitRequest(message, start, end)
    if (request === null) call.fail(GRPC_INVALID_ARGUMENT, 'no RateLimitRequest')
    else this.limiter.decide(request, new Reply(call, this, this.clock.now))
  }

  /** By the clock of the event loop's turns: 0 for what is answered at once. */
  recordTime(startMs: number): void {
    this.times.record(this.clock.now - startMs)
  }
}
