// The contract of listener filters (Envoy: envoy/network/filter.h, ListenerFilter): what looks at the first bytes of
// an accepted connection, before its filter chain is chosen.
import type { MetadataStruct } from '../observability/index.ts'
import type { FilterStatus } from './network-filter.ts'
import type { ThreadContext } from './thread.ts'

/** What is known of an accepted connection; listener filters refine it. Addresses are 'ip:port' or a pipe's path. */
export interface AcceptedSocket {
  /** May be replaced by PROXY protocol. */
  remoteAddress: string
  localAddress: string
  readonly directRemoteAddress: string
  readonly directLocalAddress: string
  /** Lower case; null when the client named none. */
  requestedServerName: string | null
  /** 'raw_buffer', 'tls'. */
  transportProtocol: string
  /** In the client's order of preference. */
  applicationProtocols: readonly string[]
  /** Fingerprints of the client's TLS hello. */
  ja3: string | null
  ja4: string | null
  /** TLVs of a PROXY header that may be passed on upstream, as they came; null: none. */
  proxyTlvs: Buffer | null
  /** For the stream info of the connection; null: nothing. */
  dynamicMetadata: Map<string, MetadataStruct> | null
  /** Seen by the connection and by all its streams; null: nothing. */
  filterState: Map<string, unknown> | null
}

/** The first bytes of a connection, in the order they came; a filter may consume its own from the front. */
export interface PeekedBytes {
  readonly data: Buffer
  readonly start: number
  readonly end: number
  /** Drops `count` bytes from the front: nobody after this filter sees them. */
  consume(count: number): void
}

/** The connection must be closed; counted in listener.<address>.downstream_listener_filter_error. */
export const CloseConnection = 2
/** The connection must be closed, and that is no error of its client's: nobody but the filter counts it. */
export const DropConnection = 3
export type ListenerFilterStatus = FilterStatus | typeof CloseConnection | typeof DropConnection

export interface ListenerFilter {
  /** Most bytes it ever wants to see; 0: it looks at none. */
  readonly maxBytes: number
  /** StopIteration: wait for bytes. */
  onAccept(socket: AcceptedSocket): ListenerFilterStatus
  /** All bytes so far that no filter consumed; StopIteration: more are needed. `ended`: none will come. */
  onData(bytes: PeekedBytes, socket: AcceptedSocket, ended: boolean): ListenerFilterStatus
}

/** What a listener filter's configuration compiles to (extension category 'envoy.filters.listener'). */
export interface ListenerFilterPlan {
  create(thread: ThreadContext): ListenerFilter
}
