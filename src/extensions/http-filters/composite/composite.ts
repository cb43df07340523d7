// HOT FILE (docs/hot-path.md): a place in the chain that others take. A composite has as many places as its longest chain.
import {
  FilterContinue,
  type HeaderMap,
  HttpFilter,
  type HttpFilterPlan,
  type HttpFilterStatus,
  MatchingData,
} from '../../../http/index.ts'
import { type FilterStateObject, type StatBlock, statTemplate } from '../../../observability/index.ts'
import { ExecuteAction } from './actions.ts'
import { nameAs } from './delegated-filters.ts'
import { type FilterTree, RouteTree } from './match-tree.ts'

export const COMPOSITE_STATS = statTemplate({ counters: ['filter_delegation_error', 'filter_delegation_success'] })
const SUCCESS = COMPOSITE_STATS.slot('filter_delegation_success')
const MATCHED_ACTIONS = 'envoy.extensions.filters.http.composite.matched_actions'

/** What the places of one stream share. */
export class Delegation {
  readonly places: CompositePlace[] = []
  tree: FilterTree | null = null
  readonly stats: StatBlock
  data: MatchingData | null = null
  /** Nothing more is asked. */
  decided = false

  constructor(stats: StatBlock) {
    this.stats = stats
  }

  /** Asks the tree with what is there; once it can say, what it finds takes the places. */
  decide(asking: CompositePlace): void {
    if (this.tree === null) {
      this.decided = true
      return
    }
    const data = this.data as MatchingData
    data.info = asking.callbacks.info
    data.incomplete = false
    const action = this.tree.tree.find(data)
    if (data.incomplete) return
    this.decided = true
    if (action instanceof ExecuteAction && action.isDrawn(asking.callbacks.thread)) this.place(action)
  }

  private place(action: ExecuteAction): void {
    const { places, stats } = this
    const { callbacks, configName } = places[0] as CompositePlace
    const plans = action.filters.plansFor(callbacks.thread, callbacks.httpStats.prefix)
    for (let i = 0; i < plans.length; i++) places[i]?.give(plans[i] as HttpFilterPlan)
    stats.cells[SUCCESS]! += 1
    const state = (callbacks.info.filterState ??= new Map<string, unknown>())
    const matched = state.get(MATCHED_ACTIONS) as MatchedActions | undefined
    state.set(MATCHED_ACTIONS, new MatchedActions({ ...matched?.byComposite, [configName]: action.name }))
  }
}

/** Names of actions by names of composites. */
class MatchedActions implements FilterStateObject {
  readonly byComposite: Readonly<Record<string, string>>

  constructor(byComposite: Readonly<Record<string, string>>) {
    this.byComposite = byComposite
  }

  toJSON(): object {
    return this.byComposite
  }

  serializeAsString(): string {
    return JSON.stringify(this.byComposite)
  }
}

export class CompositePlace extends HttpFilter {
  private readonly delegation: Delegation
  private taker: HttpFilter | null = null

  constructor(delegation: Delegation) {
    super()
    this.delegation = delegation
    delegation.places.push(this)
  }

  /** The route's tree, or the composite's own; the places that it may need beside this one. */
  settle(own: FilterTree | null): readonly HttpFilter[] {
    const ofRoute = this.routePlan()
    const tree = ofRoute instanceof RouteTree ? ofRoute.tree : own
    this.delegation.tree = tree
    const more: CompositePlace[] = []
    for (const action of tree?.actions ?? []) {
      const wanted = action instanceof ExecuteAction ? action.filters.count - 1 : 0
      while (more.length < wanted) more.push(new CompositePlace(this.delegation))
    }
    for (const place of more) {
      place.configName = this.configName
      place.extension = this.extension
    }
    return more
  }

  give(plan: HttpFilterPlan): void {
    const taker = plan.create(this.callbacks.thread)
    nameAs(taker, plan, this)
    this.callbacks.replaceFilter(this, taker)
    this.taker = taker
  }

  /** A part has come to the place that hears of it first. */
  private hear(part: 'request' | 'requestTrailers' | 'response' | 'responseTrailers', headers: HeaderMap): void {
    const { delegation } = this
    if (delegation.decided) return
    delegation.data ??= new MatchingData(this.callbacks.info)
    delegation.data[part] = headers
    delegation.decide(this)
  }

  private get isFirst(): boolean {
    return this.delegation.places[0] === this
  }

  private get isLast(): boolean {
    return this.delegation.places.at(-1) === this
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (this.isFirst) this.hear('request', headers)
    return this.taker?.decodeHeaders(headers, endStream) ?? FilterContinue
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (this.isFirst) this.hear('requestTrailers', trailers)
    return this.taker?.decodeTrailers(trailers) ?? FilterContinue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (this.isLast) this.hear('response', headers)
    return this.taker?.encodeHeaders(headers, endStream) ?? FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    if (this.isLast) this.hear('responseTrailers', trailers)
    return this.taker?.encodeTrailers(trailers) ?? FilterContinue
  }
}
