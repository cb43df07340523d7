// HOT FILE (docs/hot-path.md): runs a stream's filters: requests first to last, responses back.
import type {
  FilterDirection,
  HeaderMap,
  HttpFilter,
  HttpFilterCallbacks,
  HttpFilterStatus,
  Route,
} from '../http/index.ts'
import { FilterPass, type PassOwner } from './filter-pass.ts'
import { addBehind } from './filters-behind.ts'
import type { ChainedFilter } from './plan.ts'
import { isLeftOut } from './prepare-request.ts'

/** What the chain needs of its stream. */
export interface ChainOwner extends PassOwner {
  /** The response has passed all filters. */
  sendHeaders(headers: HeaderMap, endStream: boolean): void
  sendData(data: Buffer, start: number, end: number, endStream: boolean): void
  sendTrailers(trailers: HeaderMap): void
  /** The request's headers have come to the terminal filter; said only where other filters stand in front of it. */
  onHeadersThrough(): void
  /** More body is held for a filter than the limit allows. */
  onRequestTooLarge(): void
  onResponseTooLarge(): void
  pauseDownstream(): void
  resumeDownstream(): void
}

/** The filters of one stream. The terminal one alone, as most chains are, costs nothing but the calls to it. */
export class FilterChain {
  readonly filters: HttpFilter[]
  private readonly owner: ChainOwner
  private readonly terminal: HttpFilter
  /** null: the terminal filter is the only one. */
  private readonly request: RequestPass | null
  private response: ResponsePass | null = null

  constructor(filters: HttpFilter[], owner: ChainOwner) {
    this.filters = filters
    this.owner = owner
    this.terminal = filters[filters.length - 1] as HttpFilter
    this.request = filters.length > 1 ? new RequestPass(filters, owner) : null
  }

  /** Makes the filters that run on `route`; null: it is not known yet, or there is none. */
  static create(
    chained: readonly ChainedFilter[],
    route: Route | null,
    stream: ChainOwner & HttpFilterCallbacks,
  ): FilterChain {
    const filters: HttpFilter[] = []
    for (const entry of chained) {
      if (isLeftOut(entry, route)) continue
      const filter = entry.plan.create(stream.thread)
      filter.callbacks = stream
      filter.configName = entry.name
      filter.extension = entry.plan.name
      filters.push(filter)
      if (entry.several) addBehind(filters, entry, filter)
    }
    return new FilterChain(filters, stream)
  }

  // ---- requests: filters[0] to the terminal one

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.request === null) this.terminal.decodeHeaders(headers, endStream)
    else this.request.passHeaders(headers, endStream)
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.request === null) this.terminal.decodeData(data, start, end, endStream)
    else this.request.passData(data, start, end, endStream)
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.request === null) this.terminal.decodeTrailers(trailers)
    else this.request.passTrailers(trailers)
  }

  /** With other filters in front the terminal one notes the route's cluster before it is its turn. */
  onRouteSelected(): void {
    if (this.request !== null) this.terminal.onRouteSelected()
  }

  /** Both directions look at this list: what is held at the place stays there. */
  replace(filter: HttpFilter, by: HttpFilter): void {
    const at = this.filters.indexOf(filter)
    if (at >= 0) this.filters[at] = by
  }

  /** Other filters than the terminal one may hold a request that is complete. */
  get mayHoldRequests(): boolean {
    return this.request !== null
  }

  continueDecoding(filter: HttpFilter): void {
    this.request?.continue(filter)
  }

  /** The request has been answered: no filter hears more of it. */
  abandonRequest(): void {
    this.request?.abandon()
  }

  // ---- responses: from the filter before the terminal one back to filters[0]

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.request === null) this.owner.sendHeaders(headers, endStream)
    else this.responsePass().passHeaders(headers, endStream)
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.request === null) this.owner.sendData(data, start, end, endStream)
    else this.responsePass().passData(data, start, end, endStream)
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.request === null) this.owner.sendTrailers(trailers)
    else this.responsePass().passTrailers(trailers)
  }

  continueEncoding(filter: HttpFilter): void {
    this.response?.continue(filter)
  }

  /** A response is among the filters. */
  get hasResponse(): boolean {
    return this.response?.begun ?? false
  }

  /** Something else is answered in place of the response among the filters. */
  abandonResponse(): void {
    this.response?.abandon()
  }

  private responsePass(): ResponsePass {
    this.response ??= new ResponsePass(this.filters, this.owner)
    return this.response
  }

  // ---- for filters other than the terminal one

  get decoding(): FilterDirection {
    return this.request as RequestPass
  }

  get encoding(): FilterDirection {
    return this.responsePass()
  }

  pauseUpstream(): void {
    for (let i = 0; i < this.filters.length; i++) this.filters[i]!.onDownstreamAboveHighWatermark()
  }

  resumeUpstream(): void {
    for (let i = 0; i < this.filters.length; i++) this.filters[i]!.onDownstreamBelowLowWatermark()
  }

  onDecodingPaused(): void {
    if (this.request !== null) for (let i = 0; i < this.filters.length; i++) this.filters[i]!.onDecodingPaused()
  }

  onDecodingResumed(): void {
    if (this.request !== null) for (let i = 0; i < this.filters.length; i++) this.filters[i]!.onDecodingResumed()
  }
}

/** Towards the terminal filter, which is the sink. */
class RequestPass extends FilterPass {
  private readonly stream: ChainOwner

  constructor(filters: readonly HttpFilter[], stream: ChainOwner) {
    super(filters, stream)
    this.stream = stream
  }

  protected position(filter: HttpFilter): number {
    return this.filters.indexOf(filter)
  }

  protected callHeaders(position: number, headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    return (this.filters[position] as HttpFilter).decodeHeaders(headers, endStream)
  }

  protected callData(position: number, data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return (this.filters[position] as HttpFilter).decodeData(data, start, end, endStream)
  }

  protected callTrailers(position: number, trailers: HeaderMap): HttpFilterStatus {
    return (this.filters[position] as HttpFilter).decodeTrailers(trailers)
  }

  protected sinkHeaders(headers: HeaderMap, endStream: boolean): void {
    this.stream.onHeadersThrough()
    this.callHeaders(this.count, headers, endStream)
  }

  protected sinkData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.callData(this.count, data, start, end, endStream)
  }

  protected sinkTrailers(trailers: HeaderMap): void {
    this.callTrailers(this.count, trailers)
  }

  protected onTooLarge(): void {
    this.stream.onRequestTooLarge()
  }

  protected pauseSource(): void {
    this.stream.pauseDownstream()
  }

  protected resumeSource(): void {
    this.stream.resumeDownstream()
  }
}

/** Away from the terminal filter; the stream is the sink. */
class ResponsePass extends FilterPass {
  private readonly stream: ChainOwner

  constructor(filters: readonly HttpFilter[], stream: ChainOwner) {
    super(filters, stream)
    this.stream = stream
  }

  protected position(filter: HttpFilter): number {
    return this.count - 1 - this.filters.indexOf(filter)
  }

  private at(position: number): HttpFilter {
    return this.filters[this.count - 1 - position] as HttpFilter
  }

  protected callHeaders(position: number, headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    return this.at(position).encodeHeaders(headers, endStream)
  }

  protected callData(position: number, data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.at(position).encodeData(data, start, end, endStream)
  }

  protected callTrailers(position: number, trailers: HeaderMap): HttpFilterStatus {
    return this.at(position).encodeTrailers(trailers)
  }

  protected sinkHeaders(headers: HeaderMap, endStream: boolean): void {
    this.stream.sendHeaders(headers, endStream)
  }

  protected sinkData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.stream.sendData(data, start, end, endStream)
  }

  protected sinkTrailers(trailers: HeaderMap): void {
    this.stream.sendTrailers(trailers)
  }

  protected onTooLarge(): void {
    this.stream.onResponseTooLarge()
  }

  protected pauseSource(): void {
    this.filters[this.count]?.onDownstreamAboveHighWatermark()
  }

  protected resumeSource(): void {
    this.filters[this.count]?.onDownstreamBelowLowWatermark()
  }
}
