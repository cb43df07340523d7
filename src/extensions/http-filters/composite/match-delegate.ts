// HOT FILE (docs/hot-path.md): a filter that a tree may skip, from any part of the exchange on.
import {
  FilterContinue,
  type HeaderMap,
  HttpFilter,
  type HttpFilterPlan,
  type HttpFilterStatus,
  MatchingData,
} from '../../../http/index.ts'
import { SkipAction } from './actions.ts'
import { nameAs } from './delegated-filters.ts'
import { type FilterTree, RouteTree } from './match-tree.ts'

/** What is known of one exchange; without a tree the filter is always skipped (Envoy). */
class Verdict {
  readonly tree: FilterTree | null
  readonly data: MatchingData
  decided = false
  skips = false

  constructor(tree: FilterTree | null, data: MatchingData) {
    this.tree = tree
    this.data = data
  }

  /** True when what has come makes the filter be skipped. */
  decide(part: 'request' | 'requestTrailers' | 'response' | 'responseTrailers', headers: HeaderMap): boolean {
    if (this.decided) return false
    const { data, tree } = this
    data[part] = headers
    data.incomplete = false
    const action = tree?.tree.find(data)
    if (data.incomplete) return false
    this.decided = true
    this.skips = tree === null || action instanceof SkipAction
    return this.skips
  }
}

/** Takes the place of a filter that is skipped while it is there: it only hears of the end. */
class Skipped extends HttpFilter {
  private readonly filter: HttpFilter

  constructor(filter: HttpFilter) {
    super()
    this.filter = filter
  }

  override onStreamComplete(): void {
    this.filter.onStreamComplete()
  }

  override onDestroy(): void {
    this.filter.onDestroy()
  }
}

/** In front of the filter. Where the request's headers say everything, the filter takes its place; else it stays. */
export class MatchDelegate extends HttpFilter {
  private readonly plan: HttpFilterPlan
  private verdict: Verdict | null = null
  /** It stands behind, watched from both sides. */
  private watched: HttpFilter | null = null

  constructor(plan: HttpFilterPlan) {
    super()
    this.plan = plan
  }

  /** Filters that stand behind. */
  settle(own: FilterTree | null): readonly HttpFilter[] {
    const { callbacks } = this
    const ofRoute = this.routePlan()
    const tree = ofRoute instanceof RouteTree ? ofRoute.tree : own
    this.verdict = new Verdict(tree, new MatchingData(callbacks.info))
    if (tree === null || tree.ofRequest) return []
    this.watched = this.plan.create(callbacks.thread)
    nameAs(this.watched, this.plan, this)
    return [this.watched, new ResponseWatch(this)]
  }

  /** A part has come that the filter has not seen. */
  hear(part: 'request' | 'requestTrailers' | 'response' | 'responseTrailers', headers: HeaderMap): void {
    const { watched } = this
    if (this.verdict?.decide(part, headers) === true && watched !== null) {
      this.callbacks.replaceFilter(watched, new Skipped(watched))
    }
  }

  private mayRun(): boolean {
    return this.watched === null && this.verdict?.skips === false
  }

  private take(): HttpFilter {
    const taker = this.plan.create(this.callbacks.thread)
    nameAs(taker, this.plan, this)
    this.callbacks.replaceFilter(this, taker)
    return taker
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    this.hear('request', headers)
    return this.mayRun() ? this.take().decodeHeaders(headers, endStream) : FilterContinue
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.hear('requestTrailers', trailers)
    return FilterContinue
  }

  /** An answer of the proxy itself may come before the request does. */
  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    this.hear('response', headers)
    return this.mayRun() ? this.take().encodeHeaders(headers, endStream) : FilterContinue
  }
}

/** Behind the filter: responses come here first. */
class ResponseWatch extends HttpFilter {
  private readonly delegate: MatchDelegate

  constructor(delegate: MatchDelegate) {
    super()
    this.delegate = delegate
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.delegate.hear('response', headers)
    return FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.delegate.hear('responseTrailers', trailers)
    return FilterContinue
  }
}
