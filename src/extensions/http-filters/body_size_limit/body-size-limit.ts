// HOT FILE (docs/hot-path.md): counts the bytes of a request as they pass.
import {
  CONTENT_LENGTH,
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'

export class BodySizeLimit extends HttpFilter {
  private readonly maxBytes: number
  private bytes = 0

  constructor(maxBytes: number) {
    super()
    this.maxBytes = maxBytes
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (endStream || !headers.has(CONTENT_LENGTH)) return FilterContinue
    if (Number(headers.get(CONTENT_LENGTH)) <= this.maxBytes) return FilterContinue
    return this.refuse('content length too large')
  }

  override decodeData(_data: Buffer, start: number, end: number): HttpFilterStatus {
    this.bytes += end - start
    return this.bytes <= this.maxBytes ? FilterContinue : this.refuse('request too long')
  }

  private refuse(body: string): HttpFilterStatus {
    this.callbacks.sendLocalReply(413, body, 'request_payload_too_large')
    return FilterStop
  }
}
