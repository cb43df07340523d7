// HOT FILE (docs/hot-path.md): stats by status code; a cell is resolved at the first response of its kind.
import type { Histogram, StatCell, StatStore } from '../observability/index.ts'

/** upstream_rq_completed, upstream_rq_<N>xx and upstream_rq_<NNN> below one prefix. */
export class CodeFamily {
  private readonly stats: StatStore
  private readonly prefix: string
  private completed: StatCell | null
  private readonly classes: (StatCell | null)[] = [null, null, null, null, null, null]
  private readonly codes: (StatCell | undefined)[] = []
  /** Beyond HTTP's five classes. */
  private unknown: StatCell | null = null

  constructor(stats: StatStore, prefix: string, completed: StatCell | null = null) {
    this.stats = stats
    this.prefix = prefix
    this.completed = completed
  }

  charge(status: number): void {
    const known = status < 600
    const code = (known ? this.codes[status - 100] : this.unknown) ?? this.resolve(status)
    code.cells[code.slot]! += 1
    if (known) {
      const group = this.classes[(status / 100) | 0] as StatCell
      group.cells[group.slot]! += 1
    }
    const completed = this.completed as StatCell
    completed.cells[completed.slot]! += 1
  }

  /** Counts a response without its status. */
  chargeCompleted(): void {
    const { stats, prefix } = this
    this.completed ??= stats.counter(`${prefix}upstream_rq_completed`)
    this.completed.cells[this.completed.slot]! += 1
  }

  private resolve(status: number): StatCell {
    const { stats, prefix } = this
    const group = Math.floor(status / 100)
    this.completed ??= stats.counter(`${prefix}upstream_rq_completed`)
    if (status >= 600) return (this.unknown ??= stats.counter(`${prefix}upstream_rq_unknown`))
    this.classes[group] ??= stats.counter(`${prefix}upstream_rq_${group}xx`)
    const code = stats.counter(`${prefix}upstream_rq_${status}`)
    // Filled up to the code, so that the array never turns into a hash table.
    while (this.codes.length <= status - 100) this.codes.push(undefined)
    this.codes[status - 100] = code
    return code
  }
}

/** What is counted of the requests from this proxy's zone to one other. */
interface ZoneStats {
  readonly codes: CodeFamily
  time: Histogram | null
}

/** Response stats of one cluster in one thread: plain, and again by origin of the request, for canaries and by zones. */
export class ResponseCodeStats {
  private readonly stats: StatStore
  private readonly prefix: string
  private readonly all: CodeFamily
  private readonly internal: CodeFamily
  private readonly external: CodeFamily
  private readonly canary: CodeFamily
  private readonly retry: CodeFamily
  private time: Histogram | null = null
  private internalTime: Histogram | null = null
  private externalTime: Histogram | null = null
  private canaryTime: Histogram | null = null
  private readonly ownZone: string
  private readonly zones = new Map<string, ZoneStats>()

  /**
   * `prefix`: 'cluster.<name>.'; `ownZone`: where this proxy is, '' unknown; `completed`: its upstream_rq_completed where
   * that exists from the start.
   */
  constructor(stats: StatStore, prefix: string, ownZone: string, completed: StatCell | null = null) {
    this.stats = stats
    this.prefix = prefix
    this.ownZone = ownZone
    this.all = new CodeFamily(stats, prefix, completed)
    this.internal = new CodeFamily(stats, `${prefix}internal.`, null)
    this.external = new CodeFamily(stats, `${prefix}external.`, null)
    this.canary = new CodeFamily(stats, `${prefix}canary.`, null)
    this.retry = new CodeFamily(stats, `${prefix}retry.`, null)
  }

  /**
   * Counts a response that goes down; `status` 100 to 999. `zone`: the host's, '' unknown or no host. `hidden`: the plain
   * family counts it without its status.
   */
  charge(status: number, internal: boolean, canary: boolean, zone: string, hidden = false): void {
    if (hidden) this.all.chargeCompleted()
    else this.all.charge(status)
    if (internal) this.internal.charge(status)
    else this.external.charge(status)
    if (canary) this.canary.charge(status)
    if (zone !== '' && this.ownZone !== '') this.to(zone).codes.charge(status)
  }

  private to(zone: string): ZoneStats {
    let found = this.zones.get(zone)
    if (found === undefined) {
      found = { codes: new CodeFamily(this.stats, this.zonePrefix(zone)), time: null }
      this.zones.set(zone, found)
    }
    return found
  }

  private zonePrefix(zone: string): string {
    return `${this.prefix}zone.${this.ownZone}.${zone}.`
  }

  /** Counts a response that a retry discards. */
  chargeRetry(status: number): void {
    this.retry.charge(status)
  }

  /** Milliseconds from the request's end to the response's end. */
  recordTime(ms: number, internal: boolean, canary: boolean, zone: string): void {
    const { stats, prefix } = this
    ;(this.time ??= stats.histogram(`${prefix}upstream_rq_time`)).record(ms)
    if (internal) (this.internalTime ??= stats.histogram(`${prefix}internal.upstream_rq_time`)).record(ms)
    else (this.externalTime ??= stats.histogram(`${prefix}external.upstream_rq_time`)).record(ms)
    if (canary) (this.canaryTime ??= stats.histogram(`${prefix}canary.upstream_rq_time`)).record(ms)
    if (zone === '' || this.ownZone === '') return
    const to = this.to(zone)
    ;(to.time ??= stats.histogram(`${this.zonePrefix(zone)}upstream_rq_time`)).record(ms)
  }
}
