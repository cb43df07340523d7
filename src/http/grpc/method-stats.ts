// HOT FILE (docs/hot-path.md): `cluster.<name>.grpc.<service>.<method>.`: what became of gRPC calls.
import type { Histogram, StatCell, StatStore } from '../../observability/index.ts'

export interface GrpcMethod {
  readonly service: string
  readonly method: string
}

/** '/package.Service/Method' taken apart; null: not of that form. */
export function grpcMethodOf(path: string): GrpcMethod | null {
  const query = path.indexOf('?')
  const parts = (query < 0 ? path : path.slice(0, query)).split('/').filter(part => part !== '')
  return parts.length === 2 ? { service: parts[0] as string, method: parts[1] as string } : null
}

/** Counters of one method, each made when it is first needed. */
export class GrpcMethodStats {
  private readonly stats: StatStore
  private readonly prefix: string
  private success: StatCell | null = null
  private failure: StatCell | null = null
  private total: StatCell | null = null
  private requestMessages: StatCell | null = null
  private responseMessages: StatCell | null = null
  private time: Histogram | null = null

  /** `prefix` ends with a dot. */
  constructor(stats: StatStore, prefix: string) {
    this.stats = stats
    this.prefix = prefix
  }

  /** A grpc-status has come, as text. One that is no number of up to three digits has no counter of its own. */
  chargeStatus(status: string): void {
    const { stats, prefix } = this
    if (/^\d{1,3}$/.test(status)) add(stats.counter(`${prefix}${status}`), 1)
    if (status === '0') add((this.success ??= stats.counter(`${prefix}success`)), 1)
    else add((this.failure ??= stats.counter(`${prefix}failure`)), 1)
    add((this.total ??= stats.counter(`${prefix}total`)), 1)
  }

  chargeRequestMessages(count: number): void {
    add((this.requestMessages ??= this.stats.counter(`${this.prefix}request_message_count`)), count)
  }

  chargeResponseMessages(count: number): void {
    add((this.responseMessages ??= this.stats.counter(`${this.prefix}response_message_count`)), count)
  }

  /** From the last byte sent upstream to the last one received from there. */
  recordUpstreamTime(ms: number): void {
    ;(this.time ??= this.stats.histogram(`${this.prefix}upstream_rq_time`)).record(ms)
  }
}

function add({ cells, slot }: StatCell, count: number): void {
  cells[slot]! += count
}

/** Names come from requests: a client that invents them gets no more counters than these. */
const MAX_METHODS = 1000

/** The methods seen by one filter on one thread. */
export class GrpcStatsTable {
  private readonly stats: StatStore
  private readonly protocol: 'grpc' | 'grpc-web'
  private readonly methods = new Map<string, GrpcMethodStats>()
  private generation: number

  constructor(stats: StatStore, protocol: 'grpc' | 'grpc-web') {
    this.stats = stats
    this.protocol = protocol
    this.generation = stats.generation
  }

  /** `method` null, or one too many: the cluster's sum without a method. */
  of(clusterName: string, method: GrpcMethod | null): GrpcMethodStats {
    if (this.generation !== this.stats.generation) {
      // A cluster has gone, and another may have its name.
      this.generation = this.stats.generation
      this.methods.clear()
    }
    const root = `cluster.${clusterName}.${this.protocol}.`
    const key = method === null ? root : `${root}${method.service}.${method.method}.`
    const known = this.methods.get(key)
    if (known !== undefined) return known
    if (method !== null && this.methods.size >= MAX_METHODS) return this.of(clusterName, null)
    const made = new GrpcMethodStats(this.stats, key)
    this.methods.set(key, made)
    return made
  }
}
