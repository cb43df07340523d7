// HOT FILE (docs/hot-path.md): notes values for those who come later: routes, other filters, logs.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import type { Formatter, StreamInfo } from '../../../observability/index.ts'
import type { MakeObject } from './object-factories.ts'

export interface StateValue {
  readonly key: string
  readonly formatter: Formatter
  readonly make: MakeObject
  /** What stands under the key then stays. */
  readonly readOnly: boolean
  readonly skipIfEmpty: boolean
}

export interface SetFilterStatePlan {
  readonly values: readonly StateValue[]
  readonly clearsRouteCache: boolean
}

export class SetFilterState extends HttpFilter {
  private readonly plan: SetFilterStatePlan
  private fixed: Set<string> | null = null

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
    for (const value of values) this.set(value, headers, info)
    return clearsRouteCache && values.length > 0
  }

  private set({ key, formatter, make, readOnly, skipIfEmpty }: StateValue, headers: HeaderMap, info: StreamInfo): void {
    if (this.fixed?.has(key) === true) return
    const text = formatter.format({ requestHeaders: headers, responseHeaders: null, responseTrailers: null, info })
    if (text === '' && skipIfEmpty) return
    const object = make(text)
    if (object === null) return
    info.filterState ??= new Map()
    info.filterState.set(key, object)
    if (readOnly) (this.fixed ??= new Set()).add(key)
  }
}
