import type { LimitOverride, RateLimitDescriptor } from '../../../http/index.ts'
import {
  CloseNoFlush,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
} from '../../../net/index.ts'
import { type Formatter, type StatBlock, type StreamInfo, statTemplate } from '../../../observability/index.ts'
import {
  CodeOverLimit,
  type GrpcCall,
  type RateLimitAnswer,
  type RateLimitCallbacks,
  type RateLimitService,
  type UpstreamThread,
} from '../../../upstream/index.ts'

export const RATE_LIMIT_STATS = statTemplate({
  counters: ['total', 'ok', 'over_limit', 'error', 'failure_mode_allowed', 'cx_closed'],
  gauges: ['active'],
})
const slot = (name: string): number => RATE_LIMIT_STATS.slot(name)
const TOTAL = slot('total')
const OK = slot('ok')
const OVER_LIMIT = slot('over_limit')
const ERROR = slot('error')
const FAILURE_MODE_ALLOWED = slot('failure_mode_allowed')
const CX_CLOSED = slot('cx_closed')
const ACTIVE = slot('active')

const ALL = { numerator: 100, denominator: 100 }

export interface DescriptorPlan {
  readonly entries: readonly { readonly key: string; readonly value: Formatter | string }[]
  readonly limit: LimitOverride | null
  readonly hitsAddend: number | null
  readonly isNegativeHits: boolean
}

export interface RateLimitShared {
  readonly thread: UpstreamThread
  readonly stats: StatBlock
  readonly service: RateLimitService
  readonly domain: string
  readonly descriptors: readonly DescriptorPlan[]
  readonly failureModeDeny: boolean
}

const Asking = 0
const Passed = 1
const Closed = 2

/** A connection waits for the service's word before its bytes go on. */
export class RateLimit implements NetworkFilter, RateLimitCallbacks {
  private readonly shared: RateLimitShared
  private callbacks: NetworkFilterCallbacks = null as never
  private state = Asking
  private call: GrpcCall | null = null
  private asked = false
  private inCall = false

  constructor(shared: RateLimitShared) {
    this.shared = shared
  }

  initialize(callbacks: NetworkFilterCallbacks): void {
    this.callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    const { shared, callbacks } = this
    const { thread, stats } = shared
    if (!thread.runtime.snapshot.featureEnabled('ratelimit.tcp_filter_enabled', ALL, thread.random())) {
      this.state = Passed
      return Continue
    }
    stats.cells[TOTAL]! += 1
    stats.cells[ACTIVE]! += 1
    this.asked = true
    this.inCall = true
    const descriptors = shared.descriptors.map(plan => describe(plan, callbacks.info))
    const call = shared.service.ask(thread, shared.domain, descriptors, this)
    this.inCall = false
    if (this.state === Asking) this.call = call
    return this.state === Passed ? Continue : StopIteration
  }

  onData(): FilterStatus {
    return this.state === Passed ? Continue : StopIteration
  }

  onRateLimitAnswer(answer: RateLimitAnswer | null): void {
    const { thread, stats, failureModeDeny } = this.shared
    this.call = null
    this.settle()
    if (answer === null) {
      stats.cells[ERROR]! += 1
      if (failureModeDeny) this.close()
      else {
        stats.cells[FAILURE_MODE_ALLOWED]! += 1
        this.pass()
      }
      return
    }
    const over = answer.overallCode === CodeOverLimit
    stats.cells[over ? OVER_LIMIT : OK]! += 1
    const enforced = thread.runtime.snapshot.featureEnabled('ratelimit.tcp_filter_enforcing', ALL, thread.random())
    if (over && enforced) this.close()
    else this.pass()
  }

  private pass(): void {
    this.state = Passed
    if (!this.inCall) this.callbacks.continueReading()
  }

  private close(): void {
    this.state = Closed
    this.shared.stats.cells[CX_CLOSED]! += 1
    this.callbacks.connection.close(CloseNoFlush)
  }

  private settle(): void {
    if (!this.asked) return
    this.asked = false
    this.shared.stats.cells[ACTIVE]! -= 1
  }

  onClose(): void {
    this.call?.cancel()
    this.call = null
    this.settle()
  }
}

function describe(
  { entries, limit, hitsAddend, isNegativeHits }: DescriptorPlan,
  info: StreamInfo,
): RateLimitDescriptor {
  const context = { requestHeaders: null, responseHeaders: null, responseTrailers: null, info }
  return {
    entries: entries.map(({ key, value }) => ({
      key,
      value: typeof value === 'string' ? value : value.format(context),
    })),
    limit,
    hitsAddend,
    isNegativeHits,
    xRateLimitOption: 'UNSPECIFIED',
  }
}
