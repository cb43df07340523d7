// envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit.
import type { RateLimitServiceConfigJson } from '#api/envoy/config/ratelimit/v3/rls_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type MessageCodec,
  messageCodec,
} from '../../config/index.ts'
import type { RateLimitDescriptor } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import type { UpstreamThread } from '../cluster-manager.ts'
import { grpcCallSpan } from './call-span.ts'
import { GrpcCall, type GrpcCallCallbacks } from './grpc-call.ts'
import type { GrpcCallOptions } from './grpc-options.ts'
import { compileGrpcService } from './grpc-service.ts'

declareSupport('envoy.config.ratelimit.v3.RateLimitServiceConfig', {
  supported: ['grpc_service'],
  accepted: { transport_api_version: 'there is only v3' },
})

const METHOD = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
export const CodeOverLimit = 2

export interface RateLimitStatus {
  readonly currentLimit: { readonly name: string; readonly requestsPerUnit: number; readonly unit: number } | undefined
  readonly limitRemaining: number
  readonly durationUntilReset: { readonly seconds: bigint } | undefined
}

interface HeaderField {
  readonly key: string
  readonly value: string
  readonly rawValue: Uint8Array
}

/** RateLimitResponse as the codec gives it. */
export interface RateLimitAnswer {
  readonly overallCode: number
  readonly statuses: readonly RateLimitStatus[]
  readonly responseHeadersToAdd: readonly HeaderField[]
  readonly requestHeadersToAdd: readonly HeaderField[]
  readonly rawBody: Uint8Array
  readonly dynamicMetadata: Record<string, unknown> | undefined
}

export interface RateLimitCallbacks {
  /** Null: there was no answer. */
  onRateLimitAnswer(answer: RateLimitAnswer | null): void
}

const UNITS: Readonly<Record<string, number>> = { SECOND: 1, MINUTE: 2, HOUR: 3, DAY: 4, MONTH: 5, YEAR: 6, WEEK: 7 }

export class RateLimitService {
  private readonly options: GrpcCallOptions
  private request: MessageCodec | null = null
  private response: MessageCodec | null = null

  constructor(options: GrpcCallOptions) {
    this.options = options
  }

  /** Loads the messages; once per thread, before the first request. */
  prepare(): void {
    this.request ??= messageCodec('envoy.service.ratelimit.v3.RateLimitRequest')
    this.response ??= messageCodec('envoy.service.ratelimit.v3.RateLimitResponse')
  }

  /** The callback may come before this returns. `info`: of the request that asks; null: it has no span. */
  ask(
    thread: UpstreamThread,
    domain: string,
    descriptors: readonly RateLimitDescriptor[],
    callbacks: RateLimitCallbacks,
    info: StreamInfo | null = null,
  ): GrpcCall {
    this.prepare()
    const span = info === null ? null : grpcCallSpan(info, thread, METHOD)
    const message = (this.request as MessageCodec).encode({ domain, descriptors: descriptors.map(asMessage) })
    const answered: GrpcCallCallbacks = {
      onGrpcSuccess: bytes => {
        const answer = (this.response as MessageCodec).decode(bytes) as RateLimitAnswer | null
        span?.setTag('ratelimit_status', answer?.overallCode === CodeOverLimit ? 'over_limit' : 'ok')
        callbacks.onRateLimitAnswer(answer)
      },
      onGrpcFailure: () => callbacks.onRateLimitAnswer(null),
    }
    return GrpcCall.start(thread.asyncClient, this.options, message, answered, span)
  }
}

function asMessage({ entries, limit, hitsAddend, isNegativeHits }: RateLimitDescriptor): object {
  return {
    entries: entries.map(({ key, value }) => ({ key: text(key), value: text(value) })),
    ...(limit === null ? {} : { limit: { requestsPerUnit: limit.requestsPerUnit, unit: UNITS[limit.unit] ?? 0 } }),
    ...(hitsAddend === null ? {} : { hitsAddend: BigInt(hitsAddend) }),
    isNegativeHits,
  }
}

/** Protobuf texts are UTF-8. */
const text = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')

export function rateLimitHeaderValue({ value, rawValue }: HeaderField): string {
  return rawValue.length > 0 ? Buffer.from(rawValue).toString('latin1') : Buffer.from(value, 'utf8').toString('latin1')
}

/** `timeoutMs` is the filter's: it holds whatever the service's own says. */
export function compileRateLimitService(
  json: RateLimitServiceConfigJson | undefined,
  timeoutMs: number,
  context: CompileContext,
  path: ConfigPath,
): RateLimitService {
  const options = compileGrpcService(json?.grpcService ?? {}, METHOD, 0, context, path.field('grpc_service'))
  const service = new RateLimitService({ ...options, timeoutMs })
  // Where requests will come, none of them shall wait for it; main only checks.
  if (context.resource !== undefined) service.prepare()
  return service
}
