import type { StringPredicate } from '../../../config/index.ts'
import type { HeadLimits } from './head-scanner.ts'

/** What HTTP/1 codecs may be told; from envoy.config.core.v3.Http1ProtocolOptions and the connection manager. */
export interface Http1Options {
  readonly limits: HeadLimits
  readonly acceptHttp10: boolean
  /** Host for HTTP/1.0 requests that bring none; '' when not configured. */
  readonly defaultHostForHttp10: string
  readonly enableTrailers: boolean
  /** `content-length` beside `transfer-encoding: chunked` is dropped instead of refused. */
  readonly allowChunkedLength: boolean
  /** Otherwise a target in absolute-form is nothing that could be routed. */
  readonly allowAbsoluteUrl: boolean
  /** A target whose scheme is https is refused on connections without TLS. */
  readonly refuseHttpsInPlaintext: boolean
  /** Writes names as this says; null: lower case. */
  readonly headerCase: HeaderCase | null
  /** Names are kept as they come in and go out on the other side so; null: they are not. */
  readonly preserveCase: PreserveCase | null
  /** Any token is a method. */
  readonly customMethods: boolean
  /** Offers of upgrades that are passed over. */
  readonly ignoredUpgrades: readonly StringPredicate[]
  /** Requests go out with targets in absolute-form, as a proxy wants them. */
  readonly fullyQualifiedUrl: boolean
}

export interface PreserveCase {
  /** Names that the proxy adds are written In-Proper-Case. */
  readonly othersInProperCase: boolean
  /** Reason phrases of responses are kept as well. */
  readonly reasonPhrase: boolean
}

/** Changes the case of header names on the wire. */
export interface HeaderCase {
  /** Name as it goes out, for a lower-case `name`. */
  format(name: string): string
}
