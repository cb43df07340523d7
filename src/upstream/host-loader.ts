// Brings the hosts of one cluster in line with what main shares, a slice at a time: 10,000 new hosts at once would keep a
// worker from its requests.
import type { Steps } from '../base/index.ts'
import type { EndpointPlan, Host, Locality } from './host.ts'
import type { HostGroup } from './host-set/host-set.ts'
import { HostRecords, type SharedHosts, type SharedLocality } from './shared-hosts.ts'

export interface HostPlace {
  readonly locality: Locality
  readonly priority: number
}

/** Makes a host that has not been there before. */
export type MakeHost = (key: string, endpoint: EndpointPlan, place: HostPlace, rowNumber: number) => Host

interface Change {
  readonly host: Host
  readonly endpoint: EndpointPlan
  readonly index: number
}

/** How many known hosts cost as much as one new one. */
const KNOWN_PER_NEW = 32
/** New hosts of one step. */
const NEW_PER_STEP = 8
/** Hosts of one step that are only touched. */
const TOUCHED_PER_STEP = 512

export class HostLoader {
  /** By row number: the hosts that there will be. */
  readonly hosts = new Map<number, Host>()
  private fresh: Host[] = []
  private readonly shared: SharedHosts
  private readonly records: HostRecords
  private readonly before: ReadonlyMap<number, Host>
  private readonly make: MakeHost
  private readonly changes: Change[] = []
  private readonly members: Host[][]
  private locality = 0
  private index = 0

  /** `before`: the hosts that there are, by row number. */
  constructor(shared: SharedHosts, before: ReadonlyMap<number, Host>, make: MakeHost) {
    this.shared = shared
    this.records = new HostRecords(shared)
    this.before = before
    this.make = make
    this.members = shared.localities.map(() => [])
  }

  /** Goes on for one step; true when all have been seen. */
  advance(): boolean {
    for (let left = NEW_PER_STEP * KNOWN_PER_NEW; this.index < this.shared.count; this.index++) {
      if (left <= 0) return false
      left -= this.see(this.index)
    }
    return true
  }

  /** Hosts made since the last call. */
  takeFresh(): readonly Host[] {
    const { fresh } = this
    this.fresh = []
    return fresh
  }

  /** Takes one host over; returns what it cost. */
  private see(index: number): number {
    const { records, before, shared } = this
    while ((this.members[this.locality] as Host[]).length === this.place().count) this.locality++
    const rowNumber = records.rowNumber(index)
    const known = before.get(rowNumber)
    let host = known
    if (host?.stampLow !== records.stampLow(index) || host.stampHigh !== records.stampHigh(index)) {
      const { key, endpoint } = records.read(index)
      if (host === undefined) {
        host = this.make(key, endpoint, shared.localities[this.locality] as SharedLocality, rowNumber)
        this.fresh.push(host)
        this.stamp(host, index)
      } else this.changes.push({ host, endpoint, index })
    }
    this.hosts.set(rowNumber, host)
    ;(this.members[this.locality] as Host[]).push(host)
    return host === known && this.changes.at(-1)?.host !== host ? 1 : KNOWN_PER_NEW
  }

  private stamp(host: Host, index: number): void {
    host.stampLow = this.records.stampLow(index)
    host.stampHigh = this.records.stampHigh(index)
  }

  private place(): SharedLocality {
    return this.shared.localities[this.locality] as SharedLocality
  }

  /** Hosts that stay are from here on as they are described now. `see` is told of each host. */
  *finish(see: (host: Host) => void): Steps<readonly HostGroup[]> {
    let touched = 0
    for (const { host, endpoint, index } of this.changes) {
      host.update(endpoint)
      // Not before: newer hosts may overtake these, and must find out for themselves what has changed.
      this.stamp(host, index)
      if (++touched % TOUCHED_PER_STEP === 0) yield
    }
    const groups: HostGroup[] = []
    for (const [at, { locality, weight, priority }] of this.shared.localities.entries()) {
      const hosts = this.members[at] as Host[]
      for (const host of hosts) {
        host.move(locality, priority)
        see(host)
        if (++touched % TOUCHED_PER_STEP === 0) yield
      }
      groups.push({ locality, weight, priority, hosts })
    }
    return groups
  }

  /** Hosts that there were and that there are no more. */
  *gone(): Steps<readonly Host[]> {
    const gone: Host[] = []
    let touched = 0
    for (const [rowNumber, host] of this.before) {
      if (this.hosts.get(rowNumber) !== host) gone.push(host)
      if (++touched % TOUCHED_PER_STEP === 0) yield
    }
    return gone
  }
}
