// HOT FILE (docs/hot-path.md): notes values for those who come later: routes, other filters, logs.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { type StateValue, StateWriter } from '../../../net/index.ts'

export interface SetFilterStatePlan {
  readonly values: readonly StateValue[]
  readonly clearsRouteCache: boolean
}

export class SetFilterState extends HttpFilter {
  private readonly plan: SetFilterStatePlan
  private readonly writer = new StateWriter()

  constructor(plan: SetFilterStatePlan) {
    super()
    this.plan = plan
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    // Found before the filter's own values change the route.
    const levels = this.routePlans() as readonly SetFilterStatePlan[] | null
    let clears = this.note(this.plan, headers)
    if (levels !== null) for (const level of levels) clears = this.note(level, headers) || clears
    if (clears) this.callbacks.clearRouteCache()
    return FilterContinue
  }

  /** Whether the route is to be matched anew. */
  private note({ values, clearsRouteCache }: SetFilterStatePlan, headers: HeaderMap): boolean {
    const { info } = this.callbacks
    this.writer.write(values, { requestHeaders: headers, responseHeaders: null, responseTrailers: null, info })
    return clearsRouteCache && values.length > 0
  }
}
