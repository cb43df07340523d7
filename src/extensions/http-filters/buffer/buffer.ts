// HOT FILE (docs/hot-path.md): holds a request back until it is complete.
import {
  CONTENT_LENGTH,
  FilterContinue,
  FilterStop,
  FilterStopAndBuffer,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'

export interface BufferSettings {
  /** -1: requests pass as they come. */
  readonly maxRequestBytes: number
}

export class BufferFilter extends HttpFilter {
  private readonly own: BufferSettings
  private headers: HeaderMap | null = null
  private bytes = 0

  constructor(settings: BufferSettings) {
    super()
    this.own = settings
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (endStream) return FilterContinue
    const { maxRequestBytes } = (this.routePlan() as BufferSettings | null) ?? this.own
    if (maxRequestBytes < 0) return FilterContinue
    this.callbacks.setBufferLimit(maxRequestBytes)
    this.headers = headers
    return FilterStop
  }

  override decodeData(_data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.headers === null) return FilterContinue
    this.bytes += end - start
    // A body that comes in one piece with its end is no smaller for it: to keep it fails the request.
    if (!endStream || this.bytes > this.callbacks.bufferLimitBytes) return FilterStopAndBuffer
    this.nameLength()
    return FilterContinue
  }

  override decodeTrailers(): HttpFilterStatus {
    this.nameLength()
    return FilterContinue
  }

  /** What came in chunks goes on with its length, which is known now. */
  private nameLength(): void {
    if (this.headers === null || this.headers.has(CONTENT_LENGTH)) return
    this.headers.append(CONTENT_LENGTH, String(this.bytes))
  }
}
