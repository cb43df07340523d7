// What /explain/cluster needs to know; the server room gives it.

export interface ExplainedHost {
  readonly address: string
  readonly hostname: string
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string }
  readonly priority: number
  readonly weight: number
  /** 0 to 1; null: the requests themselves decide. */
  readonly share: number | null
  /** Plain words, the weightiest first. */
  readonly reasons: readonly string[]
  readonly flags: readonly { readonly flag: string; readonly sinceMs: number }[]
  /** Unix ms. */
  readonly healthySinceMs: number | null
  readonly ejection: {
    readonly ejected: boolean
    readonly count: number
    readonly type: string | null
    readonly enforced: boolean
    readonly agoMs: number
    readonly returnsInMs: number | null
    readonly detail: object
  } | null
  /** Percent; -1: unknown. */
  readonly successRate: number
  readonly latency: { readonly ms: number; readonly volume: number } | null
  /** Of limits per host. */
  readonly breakers: readonly BreakerRoom[]
}

export interface BreakerRoom {
  readonly priority: string
  readonly limits: readonly { readonly name: string; readonly limit: number; readonly used: number }[]
}

export interface ClusterExplanation {
  readonly name: string
  readonly policies: readonly string[]
  readonly panicThreshold: number
  readonly priorities: readonly {
    readonly priority: number
    readonly hosts: number
    readonly healthy: number
    readonly degraded: number
    readonly excluded: number
    readonly healthyLoad: number
    readonly degradedLoad: number
    readonly panic: boolean
  }[]
  readonly zoneRouting:
    | { readonly state: 'off'; readonly reason: string }
    | { readonly state: 'direct' }
    | { readonly state: 'residual'; readonly localShare: number }
    | null
  readonly breakers: readonly BreakerRoom[]
  readonly outliers: { readonly hosts: number; readonly ejected: number; readonly maxEjectionPercent: number } | null
  readonly hosts: readonly ExplainedHost[]
}
