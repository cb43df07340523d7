import type { TokenBucket } from '../../../base/index.ts'
import {
  CloseNoFlush,
  type Connection,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
  type ThreadContext,
} from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

export const LOCAL_RATE_LIMIT_STATS = statTemplate({ counters: ['rate_limited'] })
const RATE_LIMITED = LOCAL_RATE_LIMIT_STATS.slot('rate_limited')

export interface LocalRateLimitShared {
  readonly thread: ThreadContext
  readonly stats: StatBlock
  readonly bucket: TokenBucket
  readonly runtimeKey: string
  readonly enabledByDefault: boolean
}

/** Closes connections that find no token. */
export class LocalRateLimit implements NetworkFilter {
  private readonly shared: LocalRateLimitShared
  private connection: Connection = null as never
  private rejected = false

  constructor(shared: LocalRateLimitShared) {
    this.shared = shared
  }

  initialize({ connection }: NetworkFilterCallbacks): void {
    this.connection = connection
  }

  onNewConnection(): FilterStatus {
    const { thread, bucket, stats, runtimeKey, enabledByDefault } = this.shared
    if (!thread.runtime.snapshot.getBoolean(runtimeKey, enabledByDefault)) return Continue
    if (bucket.tryTake(thread.clock)) return Continue
    stats.cells[RATE_LIMITED]! += 1
    this.rejected = true
    this.connection.close(CloseNoFlush)
    return StopIteration
  }

  onData(): FilterStatus {
    return this.rejected ? StopIteration : Continue
  }

  onClose(): void {}
}
