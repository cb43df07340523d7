// type.v3.TokenBucket as the local rate limits read it.
import type { TokenBucketJson } from '#api/envoy/type/v3/token_bucket_pb.ts'
import type { TokenBucketSettings } from '../base/index.ts'
import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'
import { durationMs } from './durations.ts'
import { declareSupport } from './support.ts'

declareSupport('envoy.type.v3.TokenBucket', { supported: ['max_tokens', 'tokens_per_fill', 'fill_interval'] })

const LEAST_FILL_INTERVAL_MS = 50

export function compileTokenBucket(
  json: TokenBucketJson,
  context: CompileContext,
  path: ConfigPath,
): TokenBucketSettings {
  const fillIntervalMs = durationMs(json.fillInterval, 0)
  if (fillIntervalMs < LEAST_FILL_INTERVAL_MS) {
    context.diagnostics.error(path.field('fill_interval'), 'a token bucket is not filled more often than every 50 ms', {
      expected: 'at least 0.05s',
      found: json.fillInterval ?? '',
    })
  }
  return { maxTokens: json.maxTokens ?? 0, tokensPerFill: json.tokensPerFill ?? 1, fillIntervalMs }
}
