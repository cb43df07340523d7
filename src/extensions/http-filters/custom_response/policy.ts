import type { HeaderMap, HttpFilterCallbacks, HttpFilterStatus } from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'

/** What a policy may know of its stream. */
export interface ResponseContext {
  readonly callbacks: HttpFilterCallbacks
  readonly stats: StatBlock
  /** The request has come as far as this filter. */
  readonly requestSeen: boolean
}

/** What becomes of a response that matches. */
export interface ResponsePolicy {
  onResponse(headers: HeaderMap, context: ResponseContext): HttpFilterStatus
  /** The same for the response that came in place of the first one. */
  onReplacement(headers: HeaderMap, originalStatus: number, context: ResponseContext): void
}

/** In the stream's filter state, from the first response to the one that takes its place. */
export interface Replacement {
  readonly policy: ResponsePolicy
  readonly originalStatus: number
}

export const REPLACEMENT_KEY = 'envoy.filters.http.custom_response'
