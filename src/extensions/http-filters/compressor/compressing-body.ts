// HOT FILE (docs/hot-path.md): one body of a stream that is being compressed.
import type { FilterDirection, HttpFilter, TransformOwner } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { COMPRESSED_BYTES, UNCOMPRESSED_BYTES } from './stats.ts'

export class CompressingBody implements TransformOwner {
  readonly filter: HttpFilter
  readonly direction: FilterDirection
  private readonly isRequest: boolean
  private readonly cells: Float64Array

  constructor(filter: HttpFilter, way: 'decoding' | 'encoding', stats: StatBlock) {
    this.filter = filter
    this.direction = filter.callbacks[way]
    this.isRequest = way === 'decoding'
    this.cells = stats.cells
  }

  get thread(): ThreadContext {
    return this.filter.callbacks.thread
  }

  get bufferLimitBytes(): number {
    return this.filter.callbacks.bufferLimitBytes
  }

  onTransformed(inBytes: number, outBytes: number): void {
    this.cells[UNCOMPRESSED_BYTES]! += inBytes
    this.cells[COMPRESSED_BYTES]! += outBytes
  }

  onTransformEnd(): void {
    const { callbacks } = this.filter
    if (this.isRequest) callbacks.continueDecoding(this.filter)
    else callbacks.continueEncoding(this.filter)
  }

  /** The library failed: what went out of a body so far cannot be completed. */
  onTransformError(): void {
    this.filter.callbacks.sendLocalReply(500, '', 'compression_failed')
  }

  pauseSource(): void {
    if (this.isRequest) this.filter.callbacks.pauseDownstream()
    else this.filter.callbacks.pauseUpstream()
  }

  resumeSource(): void {
    if (this.isRequest) this.filter.callbacks.resumeDownstream()
    else this.filter.callbacks.resumeUpstream()
  }
}
