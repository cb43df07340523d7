// Which hosts fail more often than the others (envoy-docs: outlier detection, "success rate").

export interface HostRate {
  readonly key: string
  /** Percent of requests in the last interval that succeeded. */
  readonly rate: number
}

export interface RateThreshold {
  readonly average: number
  /** Hosts with a lower rate are outliers. */
  readonly threshold: number
}

/** `factor` in thousandths of a standard deviation. */
export function rateThreshold(hosts: readonly HostRate[], factor: number): RateThreshold {
  const average = hosts.reduce((sum, { rate }) => sum + rate, 0) / hosts.length
  const variance = hosts.reduce((sum, { rate }) => sum + (rate - average) ** 2, 0) / hosts.length
  return { average, threshold: average - (factor / 1000) * Math.sqrt(variance) }
}
