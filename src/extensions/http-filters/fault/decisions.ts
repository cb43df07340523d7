// What one request draws: how long it waits, what it is answered, how slowly its response comes.
import type { FractionOf, RuntimeSnapshot } from '../../../config/index.ts'
import { type HeaderMap, HeaderName } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type FaultSettings, headerNumber } from './settings.ts'

const ABORT_REQUEST = HeaderName.of('x-envoy-fault-abort-request')
const ABORT_GRPC_REQUEST = HeaderName.of('x-envoy-fault-abort-grpc-request')
const DELAY_REQUEST = HeaderName.of('x-envoy-fault-delay-request')
const THROUGHPUT_RESPONSE = HeaderName.of('x-envoy-fault-throughput-response')

const isHttpStatus = (status: number): boolean => status >= 200 && status < 600

export interface AbortStatus {
  readonly httpStatus: number
  /** -1: none. */
  readonly grpcStatus: number
}

/** `cluster`: the calling service, which may have runtime keys of its own; '' for none. */
export class FaultDecisions {
  private readonly settings: FaultSettings
  private readonly thread: ThreadContext
  private readonly headers: HeaderMap
  private readonly cluster: string

  constructor(settings: FaultSettings, thread: ThreadContext, headers: HeaderMap, cluster: string) {
    this.settings = settings
    this.thread = thread
    this.headers = headers
    this.cluster = cluster
  }

  private get runtime(): RuntimeSnapshot {
    return this.thread.runtime.snapshot
  }

  /** As Envoy: for a caller that names itself, its own key takes the place of the general one. */
  private drawn(key: string, ownKey: string, share: FractionOf): boolean {
    return this.runtime.featureEnabled(this.cluster === '' ? key : this.ownKey(ownKey), share, this.thread.random())
  }

  /** As Envoy: for a caller that names itself, its own key takes the place of the general one. */
  private status(key: string, ownKey: string, configured: number): number {
    return this.runtime.getNumber(this.cluster === '' ? key : this.ownKey(ownKey), configured)
  }

  private ownKey(key: string): string {
    return `fault.http.${this.cluster}.${key}`
  }

  /** 0: no delay. */
  delayMs(): number {
    const { delay, keys } = this.settings
    if (delay === null) return 0
    if (!this.drawn(keys.delayPercent, 'delay.fixed_delay_percent', delay.share.of(this.headers))) return 0
    const configured = delay.fixedMs >= 0 ? delay.fixedMs : headerNumber(this.headers, DELAY_REQUEST)
    if (Number.isNaN(configured) || configured < 0) return 0
    const general = this.runtime.getNumber(keys.delayMs, configured)
    const own = this.cluster === '' ? general : this.runtime.getNumber(this.ownKey('delay.fixed_duration_ms'), general)
    return Math.max(0, own)
  }

  /** Null: the request goes on. */
  abort(): AbortStatus | null {
    const { abort, keys } = this.settings
    if (abort === null) return null
    if (!this.drawn(keys.abortPercent, 'abort.abort_percent', abort.share.of(this.headers))) return null
    const http = abort.byHeaders ? headerNumber(this.headers, ABORT_REQUEST) : abort.httpStatus
    if (isHttpStatus(http)) {
      const status = this.status(keys.httpStatus, 'abort.http_status', http)
      return { httpStatus: isHttpStatus(status) ? status : http, grpcStatus: -1 }
    }
    const grpc = abort.byHeaders ? headerNumber(this.headers, ABORT_GRPC_REQUEST) : abort.grpcStatus
    if (Number.isNaN(grpc) || grpc < 0) return null
    return { httpStatus: 200, grpcStatus: this.status(keys.grpcStatus, 'abort.grpc_status', grpc) }
  }

  /** KiB per second; 0: unlimited. */
  responseKbps(): number {
    const { rateLimit, keys } = this.settings
    if (rateLimit === null) return 0
    const kbps = rateLimit.fixedKbps >= 0 ? rateLimit.fixedKbps : headerNumber(this.headers, THROUGHPUT_RESPONSE)
    if (Number.isNaN(kbps) || kbps <= 0) return 0
    const share = rateLimit.share.of(this.headers)
    return this.runtime.featureEnabled(keys.rateLimitPercent, share, this.thread.random()) ? kbps : 0
  }
}
