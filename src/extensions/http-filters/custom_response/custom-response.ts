// Responses that match are replaced.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus, MatchingData } from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { REPLACEMENT_KEY, type Replacement, type ResponsePolicy } from './policy.ts'
import type { ResponseTree } from './response-tree.ts'

export const CUSTOM_RESPONSE_STATS = statTemplate({
  counters: ['custom_response_invalid_uri', 'custom_response_redirect_no_route'],
})

/** Null: nothing matches. */
export type CustomResponsePlan = { readonly tree: ResponseTree | null }

export class CustomResponse extends HttpFilter {
  private readonly plan: CustomResponsePlan
  private readonly stats: StatBlock
  private requestSeen = false

  constructor(plan: CustomResponsePlan, stats: StatBlock) {
    super()
    this.plan = plan
    this.stats = stats
  }

  override decodeHeaders(): HttpFilterStatus {
    this.requestSeen = true
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { callbacks, stats, requestSeen } = this
    const context = { callbacks, stats, requestSeen }
    const replacement = callbacks.info.filterState?.get(REPLACEMENT_KEY) as Replacement | undefined
    if (replacement !== undefined) {
      // One replacement is enough: what it brings is not replaced again.
      replacement.policy.onReplacement(headers, replacement.originalStatus, context)
      return FilterContinue
    }
    return this.policyFor(headers)?.onResponse(headers, context) ?? FilterContinue
  }

  /** The nearest level that has a policy for this response. */
  private policyFor(responseHeaders: HeaderMap): ResponsePolicy | null {
    const exchange = new MatchingData(this.callbacks.info)
    exchange.request = this.callbacks.requestHeaders
    exchange.response = responseHeaders
    const levels = (this.routePlans() ?? []) as readonly CustomResponsePlan[]
    for (let i = levels.length - 1; i >= 0; i--) {
      const found = levels[i]?.tree?.find(exchange) ?? null
      if (found !== null) return found
    }
    return this.plan.tree?.find(exchange) ?? null
  }
}
