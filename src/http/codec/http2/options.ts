import type { HeadLimits } from '../http1/head-scanner.ts'

/** A parameter of SETTINGS beyond those that have a field of their own. */
export interface CustomSetting {
  readonly id: number
  readonly value: number
}

/** PINGs that find dead peers; 0 turns one off. */
export interface KeepaliveOptions {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Up to this much of the interval is added at random. */
  readonly jitterPercent: number
  /** A connection that was quiet for longer is asked before it carries another request. */
  readonly idleIntervalMs: number
}

/** What HTTP/2 codecs may be told; from envoy.config.core.v3.Http2ProtocolOptions and the connection manager. */
export interface Http2Options {
  readonly limits: HeadLimits
  readonly hpackTableBytes: number
  readonly maxConcurrentStreams: number
  readonly initialStreamWindowBytes: number
  readonly initialConnectionWindowBytes: number
  /** Frames written and not yet taken by the kernel, at most. */
  readonly maxOutboundFrames: number
  /** The same for PING, SETTINGS and RST_STREAM. */
  readonly maxOutboundControlFrames: number
  readonly maxConsecutiveEmptyFrames: number
  readonly maxPriorityFramesPerStream: number
  readonly maxWindowUpdatesPerDataFrame: number
  /** An invalid message ends its stream instead of the connection. */
  readonly streamErrorOnInvalidMessage: boolean
  /** Extended CONNECT (RFC 8441) is accepted. */
  readonly allowConnect: boolean
  /** Bytes above 0x7f in values are refused. */
  readonly disallowObsText: boolean
  /** Values and names go out Huffman-coded where that is shorter. */
  readonly huffman: boolean
  /** One name or value on the wire, at most. */
  readonly maxFieldBytes: number
  /** Streams that a client may have reset, by itself or by provoking it: a bucket and its refill per second. */
  readonly streamResetBurst: number
  readonly streamResetRate: number
  readonly customSettings: readonly CustomSetting[]
  readonly keepalive: KeepaliveOptions | null
  /** The rest of a finished response may wait this long for the peer's window; 0: for ever. */
  readonly streamFlushTimeoutMs: number
}

export const DEFAULT_HTTP2_OPTIONS: Http2Options = Object.freeze<Http2Options>({
  limits: { maxBytes: 61440, maxCount: 100, underscores: 'ALLOW' },
  hpackTableBytes: 4096,
  maxConcurrentStreams: 1024,
  initialStreamWindowBytes: 16 * 1024 * 1024,
  initialConnectionWindowBytes: 24 * 1024 * 1024,
  maxOutboundFrames: 10000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  streamErrorOnInvalidMessage: false,
  allowConnect: false,
  disallowObsText: false,
  huffman: false,
  maxFieldBytes: 65536,
  streamResetBurst: 1000,
  streamResetRate: 33,
  customSettings: [],
  keepalive: null,
  streamFlushTimeoutMs: 300_000,
})
