// HOT FILE (docs/hot-path.md): decompresses bodies of one content coding, so that what stands behind sees them plain.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import {
  DECOMPRESSED,
  DecompressingBody,
  dropCoding,
  NOT_DECOMPRESSED,
  type SizeTrailers,
} from './decompressing-body.ts'
import type { DecompressorSettings, DirectionSettings } from './settings.ts'

const ACCEPT_ENCODING = HeaderName.of('accept-encoding')
const CONTENT_ENCODING = HeaderName.of('content-encoding')
const CACHE_CONTROL = HeaderName.of('cache-control')

export interface DecompressorShared {
  readonly settings: DecompressorSettings
  readonly thread: ThreadContext
  readonly requestStats: StatBlock
  readonly responseStats: StatBlock
  readonly trailers: SizeTrailers
}

export class DecompressorFilter extends HttpFilter {
  private readonly shared: DecompressorShared
  private request: DecompressingBody | null = null
  private response: DecompressingBody | null = null

  constructor(shared: DecompressorShared) {
    super()
    this.shared = shared
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { settings, thread, requestStats } = this.shared
    if (settings.advertises && settings.response.enabled(thread)) advertise(headers, settings.codec.encoding)
    if (!endStream) this.request = this.begin(headers, settings.request, true, requestStats)
    return this.request === null ? FilterContinue : FilterStop
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { settings, responseStats } = this.shared
    if (!endStream) this.response = this.begin(headers, settings.response, false, responseStats)
    return this.response === null ? FilterContinue : FilterStop
  }

  /** Null: the body stays as it is. The head waits for the first bytes: what is broken from the start is never begun. */
  private begin(
    headers: HeaderMap,
    direction: DirectionSettings,
    isRequest: boolean,
    stats: StatBlock,
  ): DecompressingBody | null {
    const { settings, thread, trailers } = this.shared
    const { codec } = settings
    const coding = headers.get(CONTENT_ENCODING)
    const isIt = coding !== undefined && coding.trim().toLowerCase() === codec.encoding
    if (!isIt || !direction.enabled(thread) || (!direction.ignoresNoTransform && forbidsTransforms(headers))) {
      stats.cells[NOT_DECOMPRESSED]! += 1
      return null
    }
    stats.cells[DECOMPRESSED]! += 1
    dropCoding(headers, CONTENT_ENCODING)
    return new DecompressingBody(this, codec, isRequest, stats, trailers)
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.request === null ? FilterContinue : this.request.onData(data, start, end, endStream)
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    return this.request === null ? FilterContinue : this.request.onTrailers(trailers)
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    return this.response === null ? FilterContinue : this.response.onData(data, start, end, endStream)
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    return this.response === null ? FilterContinue : this.response.onTrailers(trailers)
  }

  override onDestroy(): void {
    this.request?.destroy()
    this.response?.destroy()
  }
}

/** The encoding comes last in accept-encoding, whatever the client said of it: it is this proxy that decodes. */
function advertise(headers: HeaderMap, encoding: string): void {
  const present = headers.get(ACCEPT_ENCODING)
  if (present === undefined || present === '') {
    headers.set(ACCEPT_ENCODING, encoding)
    return
  }
  const others: string[] = []
  for (const element of present.split(',')) {
    const text = element.trim()
    if (text !== '' && text.split(';', 1)[0]!.trim() !== encoding) others.push(text)
  }
  others.push(encoding)
  headers.set(ACCEPT_ENCODING, others.join(','))
}

function forbidsTransforms(headers: HeaderMap): boolean {
  const control = headers.get(CACHE_CONTROL)
  if (control === undefined) return false
  for (const element of control.split(',')) if (element.trim().toLowerCase() === 'no-transform') return true
  return false
}
