import type { HeaderName } from '../http/index.ts'

/** envoy.extensions.filters.http.router.v3.Router, compiled. */
export interface RouterPlan {
  /** The proxy adds none of its own x-envoy headers. */
  readonly suppressEnvoyHeaders: boolean
  readonly suppressGrpcCodeStats: boolean
  /** Control headers that must be well-formed. */
  readonly strictHeaders: readonly HeaderName[]
  /** What the proxy before this one expects is what there is time for. */
  readonly respectExpectedTimeout: boolean
  /** Attempts have spans of their own, whatever the connection manager says of it. */
  readonly startChildSpan: boolean
}
