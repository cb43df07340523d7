import type { MetadataPredicate } from '../../../config/index.ts'
import {
  CloseNoFlush,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
} from '../../../net/index.ts'
import { ResponseFlag, type StatBlock, setDynamicMetadata, statTemplate } from '../../../observability/index.ts'
import {
  type AuthorizationCallbacks,
  type AuthorizationService,
  type CheckResponse,
  connectionAttributes,
  type GrpcCall,
  metadataContext,
  type PeerAttributes,
  type UpstreamThread,
} from '../../../upstream/index.ts'

export const EXT_AUTHZ_STATS = statTemplate({
  counters: ['total', 'ok', 'denied', 'error', 'disabled', 'failure_mode_allowed', 'cx_closed'],
  gauges: ['active'],
})
const slot = (name: string): number => EXT_AUTHZ_STATS.slot(name)
const TOTAL = slot('total')
const OK = slot('ok')
const DENIED = slot('denied')
const ERROR = slot('error')
const DISABLED = slot('disabled')
const FAILURE_MODE_ALLOWED = slot('failure_mode_allowed')
const CX_CLOSED = slot('cx_closed')
const ACTIVE = slot('active')

const METADATA = 'envoy.filters.network.ext_authz'

export interface AuthorizedConnections {
  readonly thread: UpstreamThread
  readonly stats: StatBlock
  readonly service: AuthorizationService
  readonly failureModeAllow: boolean
  readonly peer: PeerAttributes
  readonly namespaces: readonly string[]
  readonly isEnabled: MetadataPredicate
}

const Quiet = 0
const Asking = 1
const Passed = 2
const Closed = 3

/** One connection; its first bytes ask, and wait. */
export class ConnectionAuthz implements NetworkFilter, AuthorizationCallbacks {
  private readonly shared: AuthorizedConnections
  private callbacks: NetworkFilterCallbacks = null as never
  private state = Quiet
  private call: GrpcCall | null = null
  private askedMs = 0
  private inCall = false

  constructor(shared: AuthorizedConnections) {
    this.shared = shared
  }

  initialize(callbacks: NetworkFilterCallbacks): void {
    this.callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    return Continue
  }

  onData(): FilterStatus {
    if (this.state === Quiet) this.begin()
    return this.state === Passed ? Continue : StopIteration
  }

  private begin(): void {
    const { shared, callbacks } = this
    const { info } = callbacks
    const { cells } = shared.stats
    if (!shared.isEnabled(info.dynamicMetadata)) {
      cells[DISABLED]! += 1
      this.state = Passed
      return
    }
    this.state = Asking
    cells[TOTAL]! += 1
    cells[ACTIVE]! += 1
    this.askedMs = shared.thread.clock.now
    const attributes = {
      ...connectionAttributes(info, shared.peer),
      metadataContext: metadataContext(info.dynamicMetadata, shared.namespaces),
    }
    this.inCall = true
    const call = shared.service.check(shared.thread, attributes, this)
    this.inCall = false
    if (this.state === Asking) this.call = call
  }

  onCheckResponse(response: CheckResponse | null): void {
    const { stats, failureModeAllow } = this.shared
    const { cells } = stats
    this.call = null
    cells[ACTIVE]! -= 1
    const denied = response !== null && (response.status?.code ?? 0) !== 0
    cells[response === null ? ERROR : denied ? DENIED : OK]! += 1
    if (response !== null) this.noteMetadata(response)
    if (denied || (response === null && !failureModeAllow)) {
      this.close(denied ? 'ext_authz_denied' : 'ext_authz_error')
      return
    }
    if (response === null) cells[FAILURE_MODE_ALLOWED]! += 1
    this.state = Passed
    if (!this.inCall) this.callbacks.continueReading()
  }

  private noteMetadata({ dynamicMetadata }: CheckResponse): void {
    if (dynamicMetadata === undefined) return
    const ms = Math.floor(this.shared.thread.clock.now - this.askedMs)
    setDynamicMetadata(this.callbacks.info, METADATA, { ...dynamicMetadata, ext_authz_duration: ms })
  }

  private close(details: string): void {
    const { info, connection } = this.callbacks
    this.state = Closed
    this.shared.stats.cells[CX_CLOSED]! += 1
    info.flags |= ResponseFlag.UnauthorizedExternalService
    info.responseCodeDetails = details
    connection.close(CloseNoFlush)
  }

  onClose(): void {
    if (this.state === Asking) this.shared.stats.cells[ACTIVE]! -= 1
    this.state = Closed
    this.call?.cancel()
    this.call = null
  }
}
