// Answers queries for addresses from a table; what is not in it does not exist.
import {
  type FilterStatus,
  StopIteration,
  type UdpListenerFilter,
  type UdpListenerFilterCallbacks,
} from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import type { ClusterManager } from '../../../upstream/index.ts'
import * as dns from './dns-message.ts'
import { addressBytes, type DnsDomain, type DnsTable } from './dns-table.ts'
import * as stats from './stats.ts'

/** As Envoy; it keeps answers below 512 bytes as well. */
const MAX_ANSWERS = 8

export interface DnsFilterShared {
  readonly table: DnsTable
  readonly clusters: ClusterManager
  readonly stats: StatBlock
}

export class DnsFilter implements UdpListenerFilter {
  private readonly shared: DnsFilterShared
  private readonly callbacks: UdpListenerFilterCallbacks

  constructor(shared: DnsFilterShared, callbacks: UdpListenerFilterCallbacks) {
    this.shared = shared
    this.callbacks = callbacks
  }

  onDatagram(data: Buffer, fromHost: string, fromPort: number): FilterStatus {
    const { stats: block } = this.shared
    block.cells[stats.RX_QUERIES]! += 1
    block.histogram(stats.RX_BYTES).record(data.length)
    const response = this.answer(data)
    if (response === null) return StopIteration
    block.histogram(stats.TX_BYTES).record(response.length)
    if (this.callbacks.send(response, fromHost, fromPort)) block.cells[stats.TX_RESPONSES]! += 1
    return StopIteration
  }

  /** Null: whoever answers answers, or what is no message, may talk with another of its kind for ever. */
  private answer(query: Buffer): Buffer | null {
    const { cells } = this.shared.stats
    if (query.length < dns.HEADER_BYTES) {
      cells[stats.UNDERFLOW]! += 1
      cells[stats.INVALID]! += 1
      return null
    }
    const header = dns.readHeader(query)
    const carriesAnswers = header.isResponse || header.answersAndAuthorities > 0
    if (carriesAnswers) cells[stats.ANSWER_RRS]! += 1
    if (carriesAnswers || header.questions !== 1) {
      cells[stats.INVALID]! += 1
      return header.isResponse ? null : dns.encodeResponse(query, null, dns.FORMAT_ERROR, [], 0)
    }
    if (header.additional > 0) cells[stats.ADDITIONAL_RRS]! += 1
    const question = dns.readQuestion(query)
    if (question === null) {
      cells[stats.PARSING_FAILURE]! += 1
      cells[stats.INVALID]! += 1
      return dns.encodeResponse(query, null, dns.FORMAT_ERROR, [], 0)
    }
    return this.answerQuestion(query, question)
  }

  private answerQuestion(query: Buffer, question: dns.Question): Buffer {
    const { table, stats: block } = this.shared
    const { cells } = block
    const { name, type } = question
    if (table.knows(name)) cells[stats.KNOWN_DOMAIN]! += 1
    if (type === dns.TYPE_A) cells[stats.A_QUERIES]! += 1
    else if (type === dns.TYPE_AAAA) cells[stats.AAAA_QUERIES]! += 1
    else if (type === dns.TYPE_SRV) cells[stats.SRV_QUERIES]! += 1
    else {
      cells[stats.UNSUPPORTED]! += 1
      cells[stats.UNANSWERED]! += 1
      return dns.encodeResponse(query, question, dns.NOT_IMPLEMENTED, [], 0)
    }
    const domain = type === dns.TYPE_SRV ? null : table.find(name)
    const addresses = domain === null ? [] : this.addressesOf(domain, type)
    if (domain === null || addresses.length === 0) {
      cells[stats.UNANSWERED]! += 1
      return dns.encodeResponse(query, question, dns.NAME_ERROR, [], 0)
    }
    return dns.encodeResponse(query, question, dns.NO_ERROR, this.someOf(addresses), domain.ttlS)
  }

  private addressesOf(domain: DnsDomain, type: number): readonly Buffer[] {
    const { cells } = this.shared.stats
    const isV4 = type === dns.TYPE_A
    if (domain.cluster === null) {
      const addresses = isV4 ? domain.v4 : domain.v6
      cells[isV4 ? stats.LOCAL_A : stats.LOCAL_AAAA]! += addresses.length
      return addresses
    }
    const hosts = this.shared.clusters.get(domain.cluster)?.hosts() ?? []
    const length = isV4 ? 4 : 16
    const addresses = hosts
      .map(({ address }) => addressBytes(address.host))
      .filter(bytes => bytes !== null)
      .filter(bytes => bytes.length === length)
    cells[isV4 ? stats.CLUSTER_A : stats.CLUSTER_AAAA]! += addresses.length
    return addresses
  }

  /** From anywhere on: clients take the first one. */
  private someOf(addresses: readonly Buffer[]): readonly Buffer[] {
    const first = Math.floor(this.callbacks.thread.random() * addresses.length)
    return [...addresses.slice(first), ...addresses.slice(0, first)].slice(0, MAX_ANSWERS)
  }

  onReceiveError(): void {
    this.shared.stats.cells[stats.RX_ERRORS]! += 1
  }

  onClose(): void {
    // Nothing is under way: every query is answered at once.
  }
}
