/** envoy.extensions.filters.http.router.v3.Router, compiled. */
export interface RouterPlan {
  /** The proxy adds none of its own x-envoy headers. */
  readonly suppressEnvoyHeaders: boolean
  readonly suppressGrpcCodeStats: boolean
}
