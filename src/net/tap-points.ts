// Where what passes a thread may be recorded on demand: the admin interface attaches a tap to every point of one id.
import type { ThreadContext } from './thread.ts'

/** Records that have not been read yet, per thread; a reader that is too slow misses the newest. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024

export interface TapRequest {
  readonly id: number
  readonly configId: string
  /** An envoy.config.tap.v3.TapConfig that has passed every check. */
  readonly config: object
}

/** A tap that is attached: what it wants, and the way to whoever reads it. */
export class AttachedTap {
  readonly request: TapRequest
  private readonly deliver: (text: string) => void
  private pendingBytes = 0

  constructor(request: TapRequest, deliver: (text: string) => void) {
    this.request = request
    this.deliver = deliver
  }

  /** False: it is dropped, since the reader has enough. */
  submit(text: string): boolean {
    if (this.pendingBytes > 0 && this.pendingBytes + text.length > MAX_PENDING_BYTES) return false
    this.pendingBytes += text.length
    this.deliver(text)
    return true
  }

  onTaken(length: number): void {
    this.pendingBytes -= length
  }
}

/** All points of one id on one thread. */
export class TapPoint {
  current: AttachedTap | null = null
}

export class TapPoints {
  private readonly byId = new Map<string, WeakRef<TapPoint>>()
  private attached: AttachedTap | null = null

  /** Stays findable while the caller keeps it. */
  point(configId: string): TapPoint {
    const present = this.byId.get(configId)?.deref()
    if (present !== undefined) return present
    const point = new TapPoint()
    this.byId.set(configId, new WeakRef(point))
    const { attached } = this
    if (attached?.request.configId === configId) point.current = attached
    return point
  }

  /** There is one at a time. False: nothing here has that id; something may come that does. */
  attach(request: TapRequest, deliver: (text: string) => void): boolean {
    this.detach()
    this.attached = new AttachedTap(request, deliver)
    const point = this.byId.get(request.configId)?.deref()
    if (point === undefined) return false
    point.current = this.attached
    return true
  }

  detach(): void {
    const { attached } = this
    this.attached = null
    if (attached === null) return
    const point = this.byId.get(attached.request.configId)?.deref()
    if (point !== undefined) point.current = null
  }

  onTaken(id: number, length: number): void {
    if (this.attached?.request.id === id) this.attached.onTaken(length)
  }
}

const pointsOfThread = new WeakMap<ThreadContext, TapPoints>()

export function tapPoints(thread: ThreadContext): TapPoints {
  let points = pointsOfThread.get(thread)
  if (points === undefined) {
    points = new TapPoints()
    pointsOfThread.set(thread, points)
  }
  return points
}
