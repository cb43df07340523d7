// HOT FILE (docs/hot-path.md): one direction of a chain that has more than its terminal filter. Positions count in the
// direction of travel, so requests and responses share every rule; the contract is in src/http/http-filter.ts.
import {
  BodyBuffer,
  FilterContinue,
  type FilterDirection,
  FilterStop,
  FilterStopAndWatermark,
  HeaderMap,
  type HttpFilter,
  type HttpFilterStatus,
} from '../http/index.ts'

/** What a pass needs of its stream. */
export interface PassOwner {
  /** The stream is over: callbacks may have ended it. */
  readonly ended: boolean
  readonly bufferLimitBytes: number
}

/** What one filter holds back; headers it holds are known by FilterPass.headersAt. */
class Hold {
  stopped = false
  /** Body and trailers were kept away from the filter. */
  unseen = false
  watermark = false
  paused = false
  body: BodyBuffer | null = null
  end = false
  trailers: HeaderMap | null = null
}

const NONE = -1
const EMPTY = Buffer.alloc(0)

export abstract class FilterPass implements FilterDirection {
  protected readonly filters: readonly HttpFilter[]
  /** Number of filters; behind them is the sink. */
  protected readonly count: number
  private readonly owner: PassOwner
  private headers: HeaderMap | null = null
  private headersEnd = false
  /** How far the headers have come: the filter that has them, or the sink. */
  private headersAt = NONE
  /** The message goes no further: something else was answered in its place. */
  private abandoned = false
  /** By position; made when the first filter stops or adds something. */
  private holds: (Hold | null)[] | null = null
  /** Whose callback is under way. */
  private calling = NONE
  /** Who has continued inside its own callback. */
  private continuedAt = NONE
  private replaced = false
  private data: Buffer = EMPTY
  private start = 0
  private end = 0

  constructor(filters: readonly HttpFilter[], owner: PassOwner) {
    this.filters = filters
    this.count = filters.length - 1
    this.owner = owner
  }

  protected abstract position(filter: HttpFilter): number
  protected abstract callHeaders(position: number, headers: HeaderMap, endStream: boolean): HttpFilterStatus
  protected abstract callData(
    position: number,
    data: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): HttpFilterStatus
  protected abstract callTrailers(position: number, trailers: HeaderMap): HttpFilterStatus
  protected abstract sinkHeaders(headers: HeaderMap, endStream: boolean): void
  protected abstract sinkData(data: Buffer, start: number, end: number, endStream: boolean): void
  protected abstract sinkTrailers(trailers: HeaderMap): void
  protected abstract onTooLarge(): void
  protected abstract pauseSource(): void
  protected abstract resumeSource(): void

  /** Headers have been passed in. */
  get begun(): boolean {
    return this.headers !== null
  }

  abandon(): void {
    this.abandoned = true
  }

  private get over(): boolean {
    return this.abandoned || this.owner.ended
  }

  // ---- the message's parts, from the first filter on

  passHeaders(headers: HeaderMap, endStream: boolean): void {
    this.headers = headers
    this.headersEnd = endStream
    if (!this.over) this.headersFrom(0)
  }

  passData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (!this.over) this.dataFrom(0, data, start, end, endStream)
  }

  passTrailers(trailers: HeaderMap): void {
    if (!this.over) this.trailersFrom(0, trailers)
  }

  private headersFrom(position: number): void {
    const headers = this.headers as HeaderMap
    for (let i = position; i < this.count; i++) {
      const outer = this.calling
      this.calling = this.headersAt = i
      let status = this.callHeaders(i, headers, this.headersEnd)
      this.calling = outer
      if (this.over) return
      if (this.takeContinued(i)) status = FilterContinue
      if (status !== FilterContinue) {
        this.stop(i, status).unseen = status !== FilterStop && this.headersAt === i
        return
      }
      // Bytes that the filter injected have taken the headers along.
      if (this.headersAt !== i) return
      if (this.holdsSomething(i)) {
        this.release(i, EMPTY, 0, 0, false)
        return
      }
    }
    this.headersAt = this.count
    this.sinkHeaders(headers, this.headersEnd)
  }

  private dataFrom(position: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    for (let i = position; i < this.count; i++) {
      if (this.isUnseen(i)) {
        this.keep(this.holdOf(i), data, start, end, endStream)
        return
      }
      const outer = this.calling
      this.calling = i
      let status = this.callData(i, data, start, end, endStream)
      this.calling = outer
      if (this.over) return
      if (this.replaced) {
        this.replaced = false
        data = this.data
        start = this.start
        end = this.end
        this.data = EMPTY
      }
      if (this.takeContinued(i)) {
        if (status === FilterStop) start = end
        status = FilterContinue
      }
      if (status !== FilterContinue) {
        if (status === FilterStop) start = end
        this.keep(this.stop(i, status), data, start, end, endStream)
        return
      }
      if (this.holdsSomething(i)) {
        this.release(i, data, start, end, endStream)
        return
      }
      if (start === end && !endStream) return
    }
    this.sinkData(data, start, end, endStream)
  }

  private trailersFrom(position: number, trailers: HeaderMap): void {
    for (let i = position; i < this.count; i++) {
      if (this.isUnseen(i)) {
        this.holdOf(i).trailers = trailers
        return
      }
      const outer = this.calling
      this.calling = i
      let status = this.callTrailers(i, trailers)
      this.calling = outer
      if (this.over) return
      if (this.takeContinued(i)) status = FilterContinue
      if (status !== FilterContinue) {
        this.stop(i, status).trailers = trailers
        return
      }
      if (this.holdsSomething(i)) {
        this.holdOf(i).trailers = trailers
        this.release(i, EMPTY, 0, 0, false)
        return
      }
    }
    if (trailers.count > 0) this.sinkTrailers(trailers)
    else this.sinkData(EMPTY, 0, 0, true)
  }

  // ---- holding back

  private holdOf(position: number): Hold {
    this.holds ??= new Array<Hold | null>(this.count).fill(null)
    const present = this.holds[position]
    if (present !== null && present !== undefined) return present
    const hold = new Hold()
    this.holds[position] = hold
    return hold
  }

  private isUnseen(position: number): boolean {
    return this.holds !== null && this.holds[position]?.unseen === true
  }

  private holdsSomething(position: number): boolean {
    if (this.holds === null) return false
    const hold = this.holds[position] as Hold | null
    return hold !== null && (hold.stopped || hold.body !== null || hold.trailers !== null)
  }

  private takeContinued(position: number): boolean {
    if (this.continuedAt !== position) return false
    this.continuedAt = NONE
    return true
  }

  private stop(position: number, status: HttpFilterStatus): Hold {
    const hold = this.holdOf(position)
    hold.stopped = true
    hold.watermark = status === FilterStopAndWatermark
    return hold
  }

  private keep(hold: Hold, data: Buffer, start: number, end: number, endStream: boolean): void {
    hold.end ||= endStream
    if (start === end) return
    hold.body ??= new BodyBuffer()
    hold.body.append(data, start, end)
    if (hold.body.length <= this.owner.bufferLimitBytes) return
    if (!hold.watermark) this.onTooLarge()
    else if (!hold.paused) {
      hold.paused = true
      this.pauseSource()
    }
  }

  /** The filter lets go of what it holds, and behind that of the bytes of its call under way. */
  private release(position: number, data: Buffer, start: number, end: number, endStream: boolean): void {
    const hold = this.holdOf(position)
    const { body, trailers, unseen, paused } = hold
    let last = hold.end || endStream
    hold.stopped = hold.unseen = hold.paused = hold.end = false
    hold.body = hold.trailers = null
    let next = unseen ? position : position + 1
    if (this.headersAt === position) {
      if (this.headersEnd && (body !== null || trailers !== null)) {
        // What a filter adds to a message that ended with its headers is not for its own callbacks.
        this.headersEnd = false
        last = true
        next = position + 1
      }
      this.headersFrom(position + 1)
      if (this.over) return
    }
    if (body !== null) {
      body.append(data, start, end)
      data = body.toBuffer()
      start = 0
      end = data.length
    }
    last &&= trailers === null
    if (end > start || last) this.dataFrom(next, data, start, end, last)
    if (trailers !== null && !this.over) this.trailersFrom(next, trailers)
    // Last, as it may bring more at once.
    if (paused && !this.over) this.resumeSource()
  }

  // ---- what filters ask for

  continue(filter: HttpFilter): void {
    const position = this.position(filter)
    if (position === this.calling) this.continuedAt = position
    else if (!this.over && this.holds?.[position]?.stopped === true) this.release(position, EMPTY, 0, 0, false)
  }

  addData(filter: HttpFilter, data: Buffer, start: number, end: number): void {
    if (this.over || end <= start) return
    const position = this.position(filter)
    if (this.headersAt === position || this.holds?.[position]?.stopped === true) {
      this.keep(this.holdOf(position), data, start, end, false)
    } else this.dataFrom(position + 1, data, start, end, false)
  }

  injectData(filter: HttpFilter, data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    const position = this.position(filter)
    if (this.headersAt === position) {
      this.headersEnd = false
      this.headersFrom(position + 1)
      if (this.over) return
    }
    if (endStream) {
      const hold = this.holds?.[position]
      if (hold !== null && hold !== undefined) hold.end = false
    }
    if (end > start || endStream) this.dataFrom(position + 1, data, start, end, endStream)
  }

  replaceData(data: Buffer, start: number, end: number): void {
    this.replaced = true
    this.data = data
    this.start = start
    this.end = end
  }

  addTrailers(filter: HttpFilter): HeaderMap {
    const hold = this.holdOf(this.position(filter))
    hold.trailers ??= HeaderMap.acquire()
    return hold.trailers
  }

  held(filter: HttpFilter): BodyBuffer | null {
    return this.holds?.[this.position(filter)]?.body ?? null
  }
}
