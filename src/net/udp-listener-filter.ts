// The contract of filters on UDP listeners (Envoy: UdpListenerReadFilter): there are no connections, so they see datagrams.
import type { Address } from './address.ts'
import type { FilterStatus } from './network-filter.ts'
import type { ThreadContext } from './thread.ts'

export interface UdpListenerFilterCallbacks {
  readonly thread: ThreadContext
  /** Where the listener listens. A wildcard stays one: Node.js does not tell to which address a datagram was sent. */
  readonly localAddress: Address
  /** From the listener's address to a peer; false: it is dropped. */
  send(data: Buffer, toHost: string, toPort: number): boolean
}

export interface UdpListenerFilter {
  /** `data` may be kept. StopIteration: the filters behind this one do not see it. */
  onDatagram(data: Buffer, fromHost: string, fromPort: number): FilterStatus
  onReceiveError(): void
  /** Nothing is listened to any longer: everything ends now. */
  onClose(): void
}

/** What the configuration of such a filter compiles to. One filter is made per listening socket. */
export interface UdpListenerFilterPlan {
  create(callbacks: UdpListenerFilterCallbacks): UdpListenerFilter
}
