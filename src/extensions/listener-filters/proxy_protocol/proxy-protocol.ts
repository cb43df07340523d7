import {
  type AcceptedSocket,
  CloseConnection,
  Continue,
  type ListenerFilter,
  type ListenerFilterStatus,
  type PeekedBytes,
  StopIteration,
} from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { parseProxyHeader } from './header.ts'
import { keepTlvs, type TlvPlan } from './tlvs.ts'

export const PROXY_PROTOCOL_STATS = statTemplate({
  counters: [
    'not_found_allowed',
    'not_found_disallowed',
    'versions.v1.found',
    'versions.v1.disallowed',
    'versions.v1.error',
    'versions.v2.found',
    'versions.v2.disallowed',
    'versions.v2.error',
  ],
  gauges: [],
  histograms: [],
})
const slot = (name: string): number => PROXY_PROTOCOL_STATS.slot(name)
const NOT_FOUND_ALLOWED = slot('not_found_allowed')
const NOT_FOUND_DISALLOWED = slot('not_found_disallowed')
const FOUND = { 1: slot('versions.v1.found'), 2: slot('versions.v2.found') }
const DISALLOWED = { 1: slot('versions.v1.disallowed'), 2: slot('versions.v2.disallowed') }
const ERROR = { error1: slot('versions.v1.error'), error2: slot('versions.v2.error') }
/** 16 fixed bytes and at most 65535 more. */
const MAX_BYTES = 65551

export interface ProxyProtocolPlan {
  readonly allowWithout: boolean
  readonly disallowedVersions: ReadonlySet<1 | 2>
  readonly tlvs: TlvPlan
}

/** Takes the client's address from the PROXY header that a load balancer puts in front. */
export class ProxyProtocol implements ListenerFilter {
  readonly maxBytes = MAX_BYTES
  private readonly plan: ProxyProtocolPlan
  private readonly stats: StatBlock

  constructor(plan: ProxyProtocolPlan, stats: StatBlock) {
    this.plan = plan
    this.stats = stats
  }

  onAccept(): ListenerFilterStatus {
    return StopIteration
  }

  onData(bytes: PeekedBytes, socket: AcceptedSocket, ended: boolean): ListenerFilterStatus {
    const { cells } = this.stats
    const header = parseProxyHeader(bytes.data.subarray(bytes.start, bytes.end))
    if (header === 'more' && !ended) return StopIteration
    if (header === 'none' || header === 'more') {
      cells[this.plan.allowWithout ? NOT_FOUND_ALLOWED : NOT_FOUND_DISALLOWED]! += 1
      return this.plan.allowWithout ? Continue : CloseConnection
    }
    if (header === 'error1' || header === 'error2') {
      cells[ERROR[header]]! += 1
      return CloseConnection
    }
    if (this.plan.disallowedVersions.has(header.version)) {
      cells[DISALLOWED[header.version]]! += 1
      return CloseConnection
    }
    cells[FOUND[header.version]]! += 1
    const { tlvs: wanted } = this.plan
    const { start } = bytes
    const tlvs =
      wanted.isEmpty || header.tlvStart === header.length
        ? null
        : Buffer.from(bytes.data.subarray(start + header.tlvStart, start + header.length))
    bytes.consume(header.length)
    if (header.addresses !== null) {
      socket.remoteAddress = header.addresses.source
      socket.localAddress = header.addresses.destination
    }
    if (tlvs !== null) keepTlvs(tlvs, this.plan.tlvs, socket)
    return Continue
  }
}
