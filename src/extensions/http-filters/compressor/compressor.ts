// HOT FILE (docs/hot-path.md): compresses bodies whose heads and whose client allow it.
import {
  type BodyCodec,
  BodyTransform,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  FilterContinue,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  UPGRADE,
} from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock, StreamInfo } from '../../../observability/index.ts'
import { type Candidate, chooseEncoding } from './accept-encoding.ts'
import { CompressingBody } from './compressing-body.ts'
import {
  ACCEPT_ENCODING,
  addVary,
  CONTENT_ENCODING,
  contentLength,
  ETAG,
  forbidsTransforms,
  isTransferCoded,
  weakenEtag,
} from './headers.ts'
import type { CompressorOverride, CompressorSettings, DirectionSettings } from './settings.ts'
import * as S from './stats.ts'

/** The compressors of each stream, in the order of the chain: they agree on one encoding. */
const streams = new WeakMap<StreamInfo, CompressorFilter[]>()

const COMPRESSION_STATUS = HeaderName.of('x-envoy-compression-status')
const STAT_OF = { wildcard: S.WILDCARD, identity: S.IDENTITY, not_valid: S.NOT_VALID } as const

export class CompressorFilter extends HttpFilter implements Candidate {
  private readonly settings: CompressorSettings
  private readonly stats: S.CompressorStats
  private readonly thread: ThreadContext
  private codec: BodyCodec
  /** Null: the request has not come here; a filter before this one answers it. */
  private responseEnabled: boolean | null = null
  private acceptEncoding: string | null = null
  private request: BodyTransform | null = null
  private response: BodyTransform | null = null

  constructor(settings: CompressorSettings, stats: S.CompressorStats, thread: ThreadContext) {
    super()
    this.settings = settings
    this.stats = stats
    this.thread = thread
    this.codec = settings.codec
  }

  get encoding(): string {
    return this.codec.encoding
  }

  get chooseFirst(): boolean {
    return this.settings.chooseFirst
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { settings, thread } = this
    const override = this.routePlan() as CompressorOverride | null
    this.codec = override?.codec ?? settings.codec
    this.responseEnabled = override?.responseEnabled ?? settings.response.enabled(thread)
    this.acceptEncoding = headers.get(ACCEPT_ENCODING) ?? null
    if (this.responseEnabled) {
      this.join()
      if (override?.removeAcceptEncoding ?? settings.removeAcceptEncoding) headers.remove(ACCEPT_ENCODING)
    }
    const { cells } = this.stats.request
    if (endStream || !settings.request.enabled(thread) || !this.mayCompressRequest(headers)) {
      cells[S.NOT_COMPRESSED]! += 1
      return FilterContinue
    }
    this.request = this.begin(headers, 'decoding', this.stats.request)
    return FilterContinue
  }

  private join(): void {
    const { info } = this.callbacks
    const others = streams.get(info)
    if (others === undefined) streams.set(info, [this])
    else others.push(this)
  }

  private mayCompressRequest(headers: HeaderMap): boolean {
    const { request } = this.settings
    return (
      this.isLongEnough(headers, request, this.stats.request) &&
      request.allowsType(headers.get(CONTENT_TYPE)) &&
      !headers.has(CONTENT_ENCODING) &&
      !isTransferCoded(headers)
    )
  }

  private isLongEnough(headers: HeaderMap, direction: DirectionSettings, stats: StatBlock): boolean {
    const length = contentLength(headers)
    if (length < 0 || length >= direction.minContentLength) return true
    stats.cells[S.TOO_SMALL]! += 1
    return false
  }

  private begin(headers: HeaderMap, way: 'decoding' | 'encoding', stats: StatBlock): BodyTransform {
    headers.remove(CONTENT_LENGTH)
    headers.set(CONTENT_ENCODING, this.codec.encoding)
    stats.cells[S.COMPRESSED]! += 1
    return new BodyTransform(this.codec, new CompressingBody(this, way, stats))
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.request === null ? FilterContinue : this.request.onData(data, start, end, endStream)
  }

  override decodeTrailers(): HttpFilterStatus {
    return this.request === null ? FilterContinue : this.request.onTrailers()
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { settings, stats } = this
    // As Envoy: nobody has said what the client takes, but the answer would depend on it.
    this.responseEnabled ??=
      (this.routePlan() as CompressorOverride | null)?.responseEnabled ?? settings.response.enabled(this.thread)
    const enough = this.responseEnabled && this.isLongEnough(headers, settings.response, stats.response)
    const skipped = settings.tellsStatus && this.responseEnabled && !endStream && this.isSkipped(headers, enough)
    const wanted = enough && !skipped && !endStream && this.isWanted(headers)
    const compressible = enough && !skipped && this.isCompressible(headers)
    if (wanted && compressible && !isTransferCoded(headers)) {
      const length = headers.get(CONTENT_LENGTH) ?? ''
      weakenEtag(headers, settings.weakenEtag)
      if (settings.tellsStatus) addVary(headers)
      this.response = this.begin(headers, 'encoding', stats.response)
      if (settings.tellsStatus) this.tellStatus(headers, `Compressed;OriginalLength=${length}`)
      else addVary(headers)
      return FilterContinue
    }
    stats.response.cells[S.NOT_COMPRESSED]! += 1
    if (compressible) addVary(headers)
    return FilterContinue
  }

  private tellStatus(headers: HeaderMap, status: string): void {
    headers.append(COMPRESSION_STATUS, `${this.encoding};${status}`)
  }

  /** With status_header_enabled what the response itself forbids goes before what its client takes. */
  private isSkipped(headers: HeaderMap, enough: boolean): boolean {
    if (isUpgraded(headers) || headers.has(CONTENT_ENCODING) || forbidsTransforms(headers)) return true
    const { settings } = this
    let reason = ''
    if (!enough) reason = 'ContentLengthTooSmall'
    else if (!settings.response.allowsType(headers.get(CONTENT_TYPE))) reason = 'ContentTypeNotAllowed'
    else if (this.isKeptForEtag(headers)) reason = 'EtagNotAllowed'
    else if (settings.uncompressibleCodes.has(headers.status)) reason = 'StatusCodeNotAllowed'
    else return false
    this.tellStatus(headers, reason)
    return true
  }

  private isCompressible(headers: HeaderMap): boolean {
    const { settings } = this
    if (isUpgraded(headers) || !settings.response.allowsType(headers.get(CONTENT_TYPE))) return false
    if (forbidsTransforms(headers) || this.isKeptForEtag(headers)) return false
    return !headers.has(CONTENT_ENCODING) && !settings.uncompressibleCodes.has(headers.status)
  }

  private isKeptForEtag(headers: HeaderMap): boolean {
    if (!this.settings.disableOnEtag || !headers.has(ETAG)) return false
    this.stats.headers.cells[S.NOT_COMPRESSED_ETAG]! += 1
    return true
  }

  /** The client takes this filter's encoding, and none of the stream's other compressors serves it better. */
  private isWanted(headers: HeaderMap): boolean {
    const { cells } = this.stats.headers
    if (this.acceptEncoding === null) {
      cells[S.NO_ACCEPT_HEADER]! += 1
      return false
    }
    const decision = chooseEncoding(this.acceptEncoding, this.candidates(headers.get(CONTENT_TYPE)))
    const own = decision.encoding === this.encoding
    if (decision.stat === 'used') cells[own ? S.USED : S.OVERSHADOWED]! += 1
    else cells[STAT_OF[decision.stat]]! += 1
    return own
  }

  private candidates(contentType: string | undefined): readonly Candidate[] {
    const fit: CompressorFilter[] = []
    for (const filter of streams.get(this.callbacks.info) ?? []) {
      if (!filter.settings.response.allowsType(contentType)) continue
      if (!fit.some(other => other.encoding === filter.encoding)) fit.push(filter)
    }
    return fit
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.response === null ? FilterContinue : this.response.onData(data, start, end, endStream)
  }

  override encodeTrailers(): HttpFilterStatus {
    return this.response === null ? FilterContinue : this.response.onTrailers()
  }

  override onDestroy(): void {
    this.request?.destroy()
    this.response?.destroy()
  }
}

const isUpgraded = (headers: HeaderMap): boolean => headers.status === 101 || headers.has(UPGRADE)
