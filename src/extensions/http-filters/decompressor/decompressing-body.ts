// HOT FILE (docs/hot-path.md): one body of a stream that is being decompressed, and the trailers that tell its sizes.

import type { BodyCodec } from '../../../http/index.ts'
import {
  BodyTransform,
  CONTENT_LENGTH,
  FilterContinue,
  type FilterDirection,
  type HeaderMap,
  HeaderName,
  type HttpFilter,
  type HttpFilterStatus,
  type TransformOwner,
} from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

export const DECOMPRESSOR_STATS = statTemplate({
  counters: ['decompressed', 'not_decompressed', 'total_compressed_bytes', 'total_uncompressed_bytes'],
})
export const DECOMPRESSED = DECOMPRESSOR_STATS.slot('decompressed')
export const NOT_DECOMPRESSED = DECOMPRESSOR_STATS.slot('not_decompressed')
const COMPRESSED_BYTES = DECOMPRESSOR_STATS.slot('total_compressed_bytes')
const UNCOMPRESSED_BYTES = DECOMPRESSOR_STATS.slot('total_uncompressed_bytes')

/** `x-envoy-decompressor-<library's name>-...` */
export interface SizeTrailers {
  readonly compressed: HeaderName
  readonly uncompressed: HeaderName
}

export const sizeTrailers = (libraryName: string): SizeTrailers => ({
  compressed: HeaderName.of(`x-envoy-decompressor-${libraryName}-compressed-bytes`),
  uncompressed: HeaderName.of(`x-envoy-decompressor-${libraryName}-uncompressed-bytes`),
})

export class DecompressingBody implements TransformOwner {
  readonly filter: HttpFilter
  readonly direction: FilterDirection
  private readonly isRequest: boolean
  private readonly cells: Float64Array
  private readonly names: SizeTrailers
  private readonly transform: BodyTransform
  private compressedBytes = 0
  private uncompressedBytes = 0
  private trailers: HeaderMap | null = null
  private failed = false

  constructor(filter: HttpFilter, codec: BodyCodec, isRequest: boolean, stats: StatBlock, names: SizeTrailers) {
    this.filter = filter
    this.isRequest = isRequest
    this.direction = isRequest ? filter.callbacks.decoding : filter.callbacks.encoding
    this.cells = stats.cells
    this.names = names
    this.transform = new BodyTransform(codec, this)
  }

  get thread(): ThreadContext {
    return this.filter.callbacks.thread
  }

  get bufferLimitBytes(): number {
    return this.filter.callbacks.bufferLimitBytes
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const status = this.transform.onData(data, start, end, endStream)
    if (!endStream) return status
    if (status === FilterContinue) this.tellSizes(this.direction.addTrailers(this.filter))
    else if (!this.failed) {
      this.trailers = this.direction.addTrailers(this.filter)
      this.transform.endWithTrailers()
    }
    return status
  }

  onTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.trailers = trailers
    const status = this.transform.onTrailers()
    if (status === FilterContinue) this.tellSizes(trailers)
    return status
  }

  private tellSizes(trailers: HeaderMap): void {
    trailers.append(this.names.compressed, String(this.compressedBytes))
    trailers.append(this.names.uncompressed, String(this.uncompressedBytes))
  }

  onTransformed(inBytes: number, outBytes: number): void {
    this.compressedBytes += inBytes
    this.uncompressedBytes += outBytes
    this.cells[COMPRESSED_BYTES]! += inBytes
    this.cells[UNCOMPRESSED_BYTES]! += outBytes
  }

  onTransformEnd(): void {
    const { callbacks } = this.filter
    if (this.trailers !== null) this.tellSizes(this.trailers)
    if (this.isRequest) callbacks.continueDecoding(this.filter)
    else callbacks.continueEncoding(this.filter)
  }

  /** A body that is not what it says, or too much of it: never passed on as if it were whole. */
  onTransformError(): void {
    const { callbacks } = this.filter
    this.failed = true
    if (this.isRequest) callbacks.sendLocalReply(400, 'decompression failed', 'request_decompression_failed')
    else callbacks.sendLocalReply(502, 'decompression failed', 'response_decompression_failed')
  }

  pauseSource(): void {
    if (this.isRequest) this.filter.callbacks.pauseDownstream()
    else this.filter.callbacks.pauseUpstream()
  }

  resumeSource(): void {
    if (this.isRequest) this.filter.callbacks.resumeDownstream()
    else this.filter.callbacks.resumeUpstream()
  }

  destroy(): void {
    this.transform.destroy()
  }
}

/** What the head loses. */
export function dropCoding(headers: HeaderMap, contentEncoding: HeaderName): void {
  headers.remove(CONTENT_LENGTH)
  headers.remove(contentEncoding)
}
