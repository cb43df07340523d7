// HOT FILE (docs/hot-path.md): runs a stream's filters: requests first to last, responses back.
import {
  BodyBuffer,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  type HeaderMap,
  type HttpFilter,
  type HttpFilterStatus,
} from '../http/index.ts'

/** What the chain needs of its stream. */
export interface ChainOwner {
  /** The response has passed all filters. */
  sendHeaders(headers: HeaderMap, endStream: boolean): void
  sendData(data: Buffer, start: number, end: number, endStream: boolean): void
  sendTrailers(trailers: HeaderMap): void
  /** More body is held for a filter than the limit allows. */
  onRequestTooLarge(): void
  onResponseTooLarge(): void
  pauseDownstream(): void
  resumeDownstream(): void
  readonly bufferLimitBytes: number
  /** The stream is over: callbacks may have ended it. */
  readonly ended: boolean
}

const Running = -1

/** One direction's position: where it stopped and what it holds. */
class Direction {
  stoppedAt = Running
  status: HttpFilterStatus = FilterContinue
  headersPassed = false
  held: BodyBuffer | null = null
  heldEnd = false
  trailers: HeaderMap | null = null
  paused = false
}

export class FilterChain {
  readonly filters: readonly HttpFilter[]
  private readonly owner: ChainOwner
  private decoding: Direction | null = null
  private encoding: Direction | null = null
  private requestHeaders: HeaderMap | null = null
  private requestEnd = false
  private responseHeaders: HeaderMap | null = null
  private responseEnd = false

  constructor(filters: readonly HttpFilter[], owner: ChainOwner) {
    this.filters = filters
    this.owner = owner
  }

  // ---- requests: filters[0] to the terminal one

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.requestHeaders = headers
    this.requestEnd = endStream
    this.decodeHeadersFrom(0)
  }

  private decodeHeadersFrom(index: number): void {
    const { filters } = this
    for (let i = index; i < filters.length; i++) {
      const status = (filters[i] as HttpFilter).decodeHeaders(this.requestHeaders as HeaderMap, this.requestEnd)
      if (status !== FilterContinue && i < filters.length - 1) {
        const direction = (this.decoding ??= new Direction())
        direction.stoppedAt = i
        direction.status = status
        return
      }
      if (this.owner.ended) return
    }
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    const { decoding } = this
    if (decoding === null || decoding.stoppedAt === Running) this.decodeDataFrom(0, data, start, end, endStream)
    else this.decodeDataUntilStop(decoding, data, start, end, endStream)
  }

  private decodeDataFrom(index: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    const { filters } = this
    for (let i = index; i < filters.length; i++) {
      const status = (filters[i] as HttpFilter).decodeData(data, start, end, endStream)
      if (this.owner.ended) return
      if (status !== FilterContinue && i < filters.length - 1) {
        const direction = (this.decoding ??= new Direction())
        direction.stoppedAt = i
        direction.status = status
        direction.headersPassed = true
        if (status !== FilterStop) this.holdRequest(direction, data, start, end)
        direction.heldEnd = endStream
        return
      }
    }
  }

  private decodeDataUntilStop(
    direction: Direction,
    data: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    const { stoppedAt } = direction
    for (let i = 0; i < stoppedAt; i++) {
      const status = (this.filters[i] as HttpFilter).decodeData(data, start, end, endStream)
      if (this.owner.ended || status !== FilterContinue) return
    }
    direction.heldEnd = endStream
    if (direction.status !== FilterStop) {
      this.holdRequest(direction, data, start, end)
      return
    }
    const status = (this.filters[stoppedAt] as HttpFilter).decodeData(data, start, end, endStream)
    if (this.owner.ended) return
    if (status === FilterStopAndBuffer) this.holdRequest(direction, data, start, end)
    else if (status === FilterContinue) {
      this.holdRequest(direction, data, start, end)
      if (!this.owner.ended) this.continueDecoding()
    }
  }

  private holdRequest(direction: Direction, data: Buffer, start: number, end: number): void {
    const held = (direction.held ??= new BodyBuffer())
    held.append(data, start, end)
    if (held.length <= this.owner.bufferLimitBytes) return
    if (direction.status === FilterStopAndBuffer) this.owner.onRequestTooLarge()
    else if (!direction.paused) {
      direction.paused = true
      this.owner.pauseDownstream()
    }
  }

  decodeTrailers(trailers: HeaderMap): void {
    const { decoding, filters } = this
    const stop = decoding === null || decoding.stoppedAt === Running ? filters.length : decoding.stoppedAt + 1
    for (let i = 0; i < stop; i++) {
      ;(filters[i] as HttpFilter).decodeTrailers(trailers)
      if (this.owner.ended) return
    }
    if (decoding !== null && decoding.stoppedAt !== Running) decoding.trailers = trailers
  }

  /** The filter that stopped the request lets it go on: with the headers if it held them, then what was held. */
  continueDecoding(): void {
    const direction = this.decoding
    if (direction === null || direction.stoppedAt === Running || this.owner.ended) return
    const from = direction.stoppedAt + 1
    const { held, heldEnd, trailers, headersPassed } = direction
    direction.stoppedAt = Running
    direction.held = null
    direction.trailers = null
    if (!headersPassed) this.decodeHeadersFrom(from)
    if (this.owner.ended) return
    if (this.isStopped(direction)) {
      if (held !== null) {
        direction.held = held
        direction.heldEnd = heldEnd
      }
      direction.trailers = trailers
      return
    }
    if (direction.paused) {
      direction.paused = false
      this.owner.resumeDownstream()
    }
    if (held !== null || (heldEnd && !this.requestEnd)) {
      const body = held?.toBuffer() ?? EMPTY
      this.decodeDataFrom(from, body, 0, body.length, heldEnd && trailers === null)
    }
    if (trailers !== null && !this.owner.ended) {
      for (let i = from; i < this.filters.length; i++) (this.filters[i] as HttpFilter).decodeTrailers(trailers)
    }
  }

  private isStopped(direction: Direction): boolean {
    return direction.stoppedAt !== Running
  }

  // ---- responses: from the filter before the terminal one back to filters[0]

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.filters.length <= 1) {
      this.owner.sendHeaders(headers, endStream)
      return
    }
    this.responseHeaders = headers
    this.responseEnd = endStream
    this.encodeHeadersFrom(this.filters.length - 2)
  }

  private encodeHeadersFrom(index: number): void {
    const headers = this.responseHeaders as HeaderMap
    for (let i = index; i >= 0; i--) {
      const status = (this.filters[i] as HttpFilter).encodeHeaders(headers, this.responseEnd)
      if (this.owner.ended) return
      if (status !== FilterContinue) {
        const direction = (this.encoding ??= new Direction())
        direction.stoppedAt = i
        direction.status = status
        direction.headersPassed = false
        return
      }
    }
    this.owner.sendHeaders(headers, this.responseEnd)
  }

  encodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.filters.length <= 1) {
      this.owner.sendData(data, start, end, endStream)
      return
    }
    const direction = this.encoding
    if (direction === null || direction.stoppedAt === Running) {
      this.encodeDataFrom(this.filters.length - 2, data, start, end, endStream)
      return
    }
    for (let i = this.filters.length - 2; i > direction.stoppedAt; i--) {
      const status = (this.filters[i] as HttpFilter).encodeData(data, start, end, endStream)
      if (this.owner.ended || status !== FilterContinue) return
    }
    direction.heldEnd = endStream
    if (direction.status !== FilterStop) {
      this.holdResponse(direction, data, start, end)
      return
    }
    const status = (this.filters[direction.stoppedAt] as HttpFilter).encodeData(data, start, end, endStream)
    if (this.owner.ended || status === FilterStop) return
    this.holdResponse(direction, data, start, end)
    if (status === FilterContinue && !this.owner.ended) this.continueEncoding()
  }

  private encodeDataFrom(index: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    for (let i = index; i >= 0; i--) {
      const status = (this.filters[i] as HttpFilter).encodeData(data, start, end, endStream)
      if (this.owner.ended) return
      if (status !== FilterContinue) {
        const direction = (this.encoding ??= new Direction())
        direction.stoppedAt = i
        direction.status = status
        direction.headersPassed = true
        direction.heldEnd = endStream
        if (status !== FilterStop) this.holdResponse(direction, data, start, end)
        return
      }
    }
    this.owner.sendData(data, start, end, endStream)
  }

  private holdResponse(direction: Direction, data: Buffer, start: number, end: number): void {
    const held = (direction.held ??= new BodyBuffer())
    held.append(data, start, end)
    if (held.length > this.owner.bufferLimitBytes) this.owner.onResponseTooLarge()
  }

  encodeTrailers(trailers: HeaderMap): void {
    const direction = this.encoding
    const stop = direction === null || direction.stoppedAt === Running ? 0 : direction.stoppedAt
    for (let i = this.filters.length - 2; i >= stop; i--) {
      ;(this.filters[i] as HttpFilter).encodeTrailers(trailers)
      if (this.owner.ended) return
    }
    if (direction !== null && direction.stoppedAt !== Running) direction.trailers = trailers
    else this.owner.sendTrailers(trailers)
  }

  continueEncoding(): void {
    const direction = this.encoding
    if (direction === null || direction.stoppedAt === Running || this.owner.ended) return
    const from = direction.stoppedAt - 1
    const { held, heldEnd, trailers, headersPassed } = direction
    direction.stoppedAt = Running
    direction.held = null
    direction.trailers = null
    if (!headersPassed) this.encodeHeadersFrom(from)
    if (this.owner.ended) return
    if (this.isStopped(direction)) {
      direction.held = held
      direction.heldEnd = heldEnd
      direction.trailers = trailers
      return
    }
    if (held !== null || (heldEnd && !this.responseEnd)) {
      const body = held?.toBuffer() ?? EMPTY
      this.encodeDataFrom(from, body, 0, body.length, heldEnd && trailers === null)
    }
    if (trailers === null || this.owner.ended) return
    for (let i = from; i >= 0; i--) (this.filters[i] as HttpFilter).encodeTrailers(trailers)
    this.owner.sendTrailers(trailers)
  }
}

const EMPTY = Buffer.alloc(0)
