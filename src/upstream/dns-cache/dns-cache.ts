// Main's side of a dynamic forward proxy: the names that requests have asked for, and what they stand for.
import { isIP } from 'node:net'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { StatBlock } from '../../observability/index.ts'
import type { DnsAnswer } from '../dns/resolver.ts'
import { CachedHost, type CachedHostEnvironment, type CachedHostOwner } from './cached-host.ts'
import { DnsCacheStat as S } from './dns-cache-stats.ts'
import { ADDRESS_DENIED, emptyDetails, failureDetails, TIMED_OUT } from './failure-details.ts'
import type { HostAndPort } from './host-key.ts'
import type { DnsCacheNews, DnsCacheRequest } from './messages.ts'

export interface DnsCacheOwner {
  /** Hosts with addresses have changed; comes before the news of it. */
  onHostsChanged(cache: string): void
  onNews(news: DnsCacheNews): void
}

export class DnsCache implements CachedHostOwner {
  private readonly environment: CachedHostEnvironment
  private readonly stats: StatBlock
  private readonly owner: DnsCacheOwner
  private readonly hosts = new Map<string, CachedHost>()

  constructor(environment: CachedHostEnvironment, stats: StatBlock, owner: DnsCacheOwner) {
    this.environment = environment
    this.stats = stats
    this.owner = owner
    stats.cells[S.HOSTS] = 0
    for (const target of environment.plan.preresolve) this.add(target)
  }

  get name(): string {
    return this.environment.plan.name
  }

  stop(): void {
    for (const host of this.hosts.values()) host.stop()
    this.stats.cells[S.HOSTS] = 0
  }

  onRequest({ key, resolve }: DnsCacheRequest): void {
    let host = this.hosts.get(key)
    host?.touch()
    if (resolve === null) return
    if (host !== undefined && this.isForgotten(host)) {
      this.onEnd(host)
      host = undefined
    }
    if (host !== undefined) {
      // The worker has asked before it heard of it.
      if (host.answered) this.tell(host)
    } else if (this.hosts.size >= this.environment.plan.maxHosts) {
      this.stats.cells[S.OVERFLOW]! += 1
      this.owner.onNews({ cache: this.name, key, state: 'overflow', details: '' })
    } else this.add({ ...resolve, key })
  }

  private add(target: HostAndPort): void {
    const host = new CachedHost(target, this.environment, this)
    this.hosts.set(target.key, host)
    this.stats.cells[S.ADDED]! += 1
    this.stats.cells[S.HOSTS] = this.hosts.size
    host.start()
  }

  onAttempt(): void {
    this.stats.cells[S.ATTEMPT]! += 1
  }

  onAnswer(host: CachedHost, answer: DnsAnswer | 'timeout'): 'resolved' | 'empty' | 'failed' {
    const found = this.judge(host.target, answer)
    const first = !host.answered
    host.answered = true
    this.stats.cells[found.failed ? S.FAILURE : S.SUCCESS]! += 1
    host.details = found.details
    host.failed = found.failed
    // An address that the name once had stays when there is none any more.
    const changed = found.addresses.length > 0 && !sameSet(found.addresses, host.addresses)
    if (changed) {
      host.addresses = found.addresses
      this.stats.cells[S.CHANGED]! += 1
      this.owner.onHostsChanged(this.name)
    }
    if (first || changed) this.tell(host)
    // No worker is to keep it: the next request asks anew.
    if (this.isForgotten(host))
      this.owner.onNews({ cache: this.name, key: host.target.key, state: 'removed', details: '' })
    return found.failed ? 'failed' : found.addresses.length === 0 ? 'empty' : 'resolved'
  }

  /** A failure that is not tried again by itself. */
  private isForgotten(host: CachedHost): boolean {
    return host.answered && host.failed && host.addresses.length === 0 && !this.environment.plan.refreshesFailures
  }

  private judge(
    { host }: HostAndPort,
    answer: DnsAnswer | 'timeout',
  ): { readonly addresses: readonly string[]; readonly details: string; readonly failed: boolean } {
    if (answer === 'timeout') {
      this.stats.cells[S.TIMEOUT]! += 1
      return { addresses: [], details: TIMED_OUT, failed: true }
    }
    if (answer.kind === 'failure') return { addresses: [], details: failureDetails(answer.code), failed: true }
    const { records } = answer
    if (records.length === 0) {
      // An address of the other family is not even a name.
      if (isIP(host) !== 0) return { addresses: [], details: failureDetails('EBADNAME'), failed: true }
      return { addresses: [], details: emptyDetails(answer.code), failed: false }
    }
    const { denies } = this.environment.plan
    const allowed = denies === null ? records : records.filter(({ address }) => !denies(address))
    this.stats.cells[S.FILTERED]! += records.length - allowed.length
    const addresses = [...new Set(allowed.map(({ address }) => address))]
    return { addresses, details: addresses.length === 0 ? ADDRESS_DENIED : '', failed: false }
  }

  private tell(host: CachedHost): void {
    this.owner.onNews(this.newsOf(host))
  }

  private newsOf({ addresses, details, target }: CachedHost): DnsCacheNews {
    const known = addresses.length > 0
    return { cache: this.name, key: target.key, state: known ? 'ready' : 'failed', details: known ? '' : details }
  }

  onEnd(host: CachedHost): void {
    host.stop()
    this.hosts.delete(host.target.key)
    this.stats.cells[S.REMOVED]! += 1
    this.stats.cells[S.HOSTS] = this.hosts.size
    if (host.addresses.length > 0) this.owner.onHostsChanged(this.name)
    this.owner.onNews({ cache: this.name, key: host.target.key, state: 'removed', details: '' })
  }

  /** News for a worker that comes later. */
  *news(): Iterable<DnsCacheNews> {
    for (const host of this.hosts.values()) if (host.answered) yield this.newsOf(host)
  }

  /** Every name with an address is a host. */
  assignment(clusterName: string): ClusterLoadAssignmentJson {
    const lbEndpoints = [...this.hosts.values()].flatMap(({ target, addresses }) => {
      const [address, ...more] = addresses.map(one => ({ socketAddress: { address: one, portValue: target.port } }))
      if (address === undefined) return []
      const additionalAddresses = more.map(one => ({ address: one }))
      return [{ endpoint: { hostname: target.key, address, additionalAddresses } }]
    })
    return { clusterName, endpoints: lbEndpoints.length === 0 ? [] : [{ lbEndpoints }] }
  }
}

/** Answers in another order are no change. */
function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every(address => right.includes(address))
}
