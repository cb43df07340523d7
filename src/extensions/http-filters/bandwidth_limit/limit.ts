// A BandwidthLimit, compiled: its limit is one for all streams of all workers.
import type { BandwidthLimitJson } from '#api/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.ts'
import type { Clock, TokenBucket } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, int64 } from '../../../config/index.ts'
import type { ByteSource } from '../../../http/index.ts'
import { sharedBucket, type ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { bandwidthStats } from './stats.ts'

const NO_TRAILERS = 'trailers that tell delays are not part of this release: the stats and the access log do'

declareSupport('envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit', {
  supported: ['stat_prefix', 'enable_mode', 'limit_kbps', 'fill_interval', 'runtime_enabled'],
  refused: { enable_response_trailers: NO_TRAILERS, response_trailer_prefix: NO_TRAILERS },
})

const DEFAULT_FILL_INTERVAL_MS = 50

class SharedBytes implements ByteSource {
  private readonly bucket: TokenBucket
  private readonly clock: Clock

  constructor(bucket: TokenBucket, clock: Clock) {
    this.bucket = bucket
    this.clock = clock
  }

  take(wanted: number, nowMs: number): number {
    const some = Math.min(wanted, Math.floor(this.bucket.available(nowMs)))
    // Another worker may have been faster: then there is a next time.
    return some > 0 && this.bucket.tryTake(this.clock, some) ? some : 0
  }
}

/** What a thread keeps of it. */
export interface OpenLimit {
  readonly source: ByteSource
  readonly stats: StatBlock
}

export class BandwidthLimit {
  readonly limitsRequests: boolean
  readonly limitsResponses: boolean
  readonly fillIntervalMs: number
  private readonly statPrefix: string
  private readonly bytesPerSecond: number
  private readonly place: string
  private readonly enabledByDefault: boolean
  private readonly enabledKey: string
  private opened: OpenLimit | null = null

  constructor(json: BandwidthLimitJson, context: CompileContext, path: ConfigPath) {
    const mode = json.enableMode ?? 'DISABLED'
    this.limitsRequests = mode === 'REQUEST' || mode === 'REQUEST_AND_RESPONSE'
    this.limitsResponses = mode === 'RESPONSE' || mode === 'REQUEST_AND_RESPONSE'
    this.statPrefix = json.statPrefix ?? ''
    this.bytesPerSecond = int64(json.limitKbps ?? 0) * 1024
    this.fillIntervalMs = durationMs(json.fillInterval, DEFAULT_FILL_INTERVAL_MS)
    this.place = `bandwidth_limit ${path}`
    this.enabledByDefault = json.runtimeEnabled?.defaultValue ?? true
    this.enabledKey = json.runtimeEnabled?.runtimeKey ?? ''
    if (mode !== 'DISABLED' && json.limitKbps === undefined) {
      context.diagnostics.error(path, 'there is no limit to keep', { expected: 'limit_kbps, in KiB per second' })
    }
  }

  enabled(thread: ThreadContext): boolean {
    if (this.enabledKey === '') return this.enabledByDefault
    return thread.runtime.snapshot.getBoolean(this.enabledKey, this.enabledByDefault)
  }

  /** A plan belongs to one thread. */
  open(thread: ThreadContext): OpenLimit {
    if (this.opened === null) {
      const { bytesPerSecond } = this
      const settings = { maxTokens: bytesPerSecond, tokensPerFill: bytesPerSecond, fillIntervalMs: 1000 }
      const bucket = sharedBucket(thread, this.place, settings)
      this.opened = {
        source: new SharedBytes(bucket, thread.clock),
        stats: bandwidthStats(thread, this.statPrefix),
      }
    }
    return this.opened
  }
}
