// HOT FILE (docs/hot-path.md): a request that has been here too often goes in circles.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import { countCdnId } from './cdn-info.ts'

const CDN_LOOP = HeaderName.of('cdn-loop')

export interface CdnLoopSettings {
  readonly cdnId: string
  readonly maxOccurrences: number
}

export class CdnLoopFilter extends HttpFilter {
  private readonly settings: CdnLoopSettings

  constructor(settings: CdnLoopSettings) {
    super()
    this.settings = settings
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { cdnId, maxOccurrences } = this.settings
    if (!headers.has(CDN_LOOP)) {
      headers.append(CDN_LOOP, cdnId)
      return FilterContinue
    }
    const present = headers.getAll(CDN_LOOP).join(',')
    const count = countCdnId(present, cdnId)
    if (count < 0) {
      this.callbacks.sendLocalReply(400, 'Invalid CDN-Loop header in request.', 'invalid_cdn_loop_header')
      return FilterStop
    }
    if (count > maxOccurrences) {
      this.callbacks.sendLocalReply(502, 'The server has detected a loop between CDNs.', 'cdn_loop_detected')
      return FilterStop
    }
    headers.set(CDN_LOOP, present === '' ? cdnId : `${present},${cdnId}`)
    return FilterContinue
  }
}
