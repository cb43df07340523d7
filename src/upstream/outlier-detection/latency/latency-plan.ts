/** outrider.extensions.outlier_detection.latency.v1.Latency. */
export interface LatencyPlan {
  /** How often, in percent, a slow host is ejected; 0: it is only counted and logged. */
  readonly enforcing: number
  /** Which quantile is compared, from 0 to 1. */
  readonly quantile: number
  /** A host is slow when it takes this many times as long as the others... */
  readonly factor: number
  /** ... and at least this much longer. */
  readonly floorMs: number
  /** Hosts with enough requests; with fewer, nobody is judged. */
  readonly minimumHosts: number
  /** Requests that a host must have answered lately. */
  readonly requestVolume: number
  readonly intervalMs: number
  /** After this time a request counts half. */
  readonly halfLifeMs: number
  /** Judgements in a row before a host is ejected. */
  readonly confirmations: number
}

export const LATENCY_DEFAULTS: LatencyPlan = {
  enforcing: 0,
  quantile: 0.5,
  factor: 3,
  floorMs: 10,
  minimumHosts: 3,
  requestVolume: 50,
  intervalMs: 1000,
  halfLifeMs: 3000,
  confirmations: 3,
}
