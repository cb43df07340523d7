import { Timer, type TimerOwner } from '../../../base/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { GrpcStream } from '../../../upstream/index.ts'
import { STREAMS_CLOSED } from './stats.ts'

/** A stream that outlives its request for a while, so that what was sent is still delivered. */
export class DeferredClose implements TimerOwner {
  private readonly stream: GrpcStream
  private readonly cells: Float64Array

  private constructor(stream: GrpcStream, cells: Float64Array) {
    this.stream = stream
    this.cells = cells
  }

  static start(thread: ThreadContext, stream: GrpcStream, delayMs: number, cells: Float64Array): void {
    thread.timers.arm(new Timer(new DeferredClose(stream, cells), 0), delayMs)
  }

  onTimer(): void {
    if (this.stream.closed) return
    this.cells[STREAMS_CLOSED]! += 1
    this.stream.close()
  }
}
