// envoy.config.core.v3.ApiConfigSource: how a server of resources is called.
import type { ApiConfigSourceJson } from '#api/envoy/config/core/v3/config_source_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, durationMs } from '../config/index.ts'
import { compileGrpcService } from '../upstream/index.ts'
import type { StreamPlan } from './discovery-stream.ts'

const DEFAULT_BACKOFF_BASE_MS = 500
const DEFAULT_BACKOFF_MAX_MS = 30_000
const DEFAULT_MAX_TOKENS = 100
const DEFAULT_FILL_RATE = 10
/** Resources of a whole mesh may come in one message. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024

/** The source has been checked when the configuration was. */
export function streamPlan(api: ApiConfigSourceJson, method: string): StreamPlan {
  const [service = {}] = api.grpcServices ?? []
  const context = { diagnostics: new Diagnostics(), hasCluster: () => true } as unknown as CompileContext
  const { retryPolicy: _, ...envoyGrpc } = service.envoyGrpc ?? {}
  const call = compileGrpcService({ ...service, envoyGrpc }, method, 0, context, ConfigPath.root)
  const { retryBackOff } = service.envoyGrpc?.retryPolicy ?? {}
  const baseMs = durationMs(retryBackOff?.baseInterval, DEFAULT_BACKOFF_BASE_MS)
  const maxMs = durationMs(retryBackOff?.maxInterval, retryBackOff === undefined ? DEFAULT_BACKOFF_MAX_MS : baseMs * 10)
  const { rateLimitSettings: limit } = api
  return {
    call: { ...call, maxResponseBytes: service.envoyGrpc?.maxReceiveMessageLength ?? MAX_MESSAGE_BYTES },
    backoff: { baseMs, maxMs },
    rateLimit:
      limit === undefined
        ? null
        : { maxTokens: limit.maxTokens ?? DEFAULT_MAX_TOKENS, fillRate: Number(limit.fillRate ?? DEFAULT_FILL_RATE) },
  }
}
