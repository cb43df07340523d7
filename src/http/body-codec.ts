// Bodies that filters compress or decompress: the contract of the libraries, and how a body passes through one.
import type { Transform } from 'node:stream'
import type { ThreadContext } from '../net/index.ts'
import {
  FilterContinue,
  type FilterDirection,
  FilterStop,
  type HttpFilter,
  type HttpFilterStatus,
} from './http-filter.ts'

/** A stream of node:zlib, which works on a thread of its own. */
export type CodecStream = Transform & { flush(callback?: () => void): void }

/** One direction of one content coding, with its settings. */
export interface BodyCodec {
  /** As in content-encoding: 'gzip'. */
  readonly encoding: string
  /** In stat names. */
  readonly statName: string
  /** A whole small body at once; null where the bytes are no such coding, or would become too many. */
  transform(bytes: Buffer): Buffer | null
  createStream(): CodecStream
  /** At most so many bytes come out of one that goes in. */
  readonly maxRatio: number
}

/** A body below this size is transformed in place; a larger one on a thread of its own, piece by piece. */
const WHOLE_BYTES = 65536

/** Who wants its body transformed. */
export interface TransformOwner {
  readonly filter: HttpFilter
  readonly thread: ThreadContext
  readonly direction: FilterDirection
  readonly bufferLimitBytes: number
  onTransformed(inBytes: number, outBytes: number): void
  /** The body has passed; trailers that waited may follow. */
  onTransformEnd(): void
  onTransformError(): void
  pauseSource(): void
  resumeSource(): void
}

/** One body on its way through a codec. Its output is let out in order, the end with the last of it. */
export class BodyTransform {
  private readonly codec: BodyCodec
  private readonly owner: TransformOwner
  private stream: CodecStream | null = null
  private inBytes = 0
  private outBytes = 0
  private pending = 0
  private paused = false
  private trailers = false
  private over = false

  constructor(codec: BodyCodec, owner: TransformOwner) {
    this.codec = codec
    this.owner = owner
  }

  /** For the filter's data callback. */
  onData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.over) return FilterStop
    if (this.stream === null && endStream && end - start <= WHOLE_BYTES) return this.transformWhole(data, start, end)
    this.write(data, start, end, endStream)
    return FilterStop
  }

  /** For the filter's trailers callback. */
  onTrailers(): HttpFilterStatus {
    const { owner } = this
    if (this.over) return FilterStop
    if (this.stream !== null) {
      this.trailers = true
      this.stream.end()
      return FilterStop
    }
    const out = this.codec.transform(NO_BYTES) ?? NO_BYTES
    this.over = true
    owner.onTransformed(0, out.length)
    owner.direction.addData(owner.filter, out, 0, out.length)
    return FilterContinue
  }

  /** After the last `onData`: trailers were added that follow the body once it has passed. */
  endWithTrailers(): void {
    this.trailers = true
  }

  private transformWhole(data: Buffer, start: number, end: number): HttpFilterStatus {
    const { owner } = this
    const out = this.codec.transform(data.subarray(start, end))
    this.over = true
    if (out === null) {
      owner.onTransformError()
      return FilterStop
    }
    owner.onTransformed(end - start, out.length)
    owner.direction.replaceData(out, 0, out.length)
    return FilterContinue
  }

  private write(data: Buffer, start: number, end: number, endStream: boolean): void {
    const { owner } = this
    const stream = (this.stream ??= this.open())
    const length = end - start
    if (length > 0) {
      this.inBytes += length
      this.pending += length
      owner.onTransformed(length, 0)
      stream.write(Buffer.copyBytesFrom(data, start, length), () => this.onWritten(length))
    }
    if (endStream) stream.end()
    else stream.flush()
    if (this.pending <= owner.bufferLimitBytes || this.paused) return
    this.paused = true
    owner.pauseSource()
  }

  private open(): CodecStream {
    const stream = this.codec.createStream()
    stream.on('data', (out: Buffer) => this.onOutput(out))
    stream.on('end', () => this.onEnd())
    stream.on('error', () => this.fail())
    return stream
  }

  private onWritten(length: number): void {
    this.pending -= length
    if (this.over || !this.paused || this.pending > this.owner.bufferLimitBytes / 2) return
    this.paused = false
    this.owner.resumeSource()
  }

  private onOutput(out: Buffer): void {
    const { owner } = this
    if (this.over) return
    this.outBytes += out.length
    if (this.outBytes > this.inBytes * this.codec.maxRatio) {
      this.fail()
      return
    }
    owner.onTransformed(0, out.length)
    this.enter()
    owner.direction.injectData(owner.filter, out, 0, out.length, false)
    owner.thread.buffers.leave()
  }

  private onEnd(): void {
    const { owner } = this
    if (this.over) return
    this.over = true
    this.enter()
    if (this.trailers) owner.onTransformEnd()
    else owner.direction.injectData(owner.filter, NO_BYTES, 0, 0, true)
    owner.thread.buffers.leave()
  }

  private fail(): void {
    if (this.over) return
    this.over = true
    this.enter()
    this.owner.onTransformError()
    this.owner.thread.buffers.leave()
  }

  private enter(): void {
    const { clock, buffers } = this.owner.thread
    clock.update()
    buffers.enter()
  }

  destroy(): void {
    this.over = true
    this.stream?.destroy()
    this.stream = null
    if (!this.paused) return
    this.paused = false
    this.owner.resumeSource()
  }
}

const NO_BYTES = Buffer.alloc(0)
