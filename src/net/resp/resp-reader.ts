// HOT FILE (docs/hot-path.md): cuts what arrives into values, which are handed on where they stand; only one whose end has not
// come yet is copied.
import { RespScanner } from './resp-scanner.ts'

/** Gets the values that a RespReader finds. */
export interface RespSink {
  /** Bytes [start, end) are one value, valid only during the call; the reader's scanner knows more of it. */
  onRespValue(bytes: Buffer, start: number, end: number): void
}

const FIRST_CAPACITY = 4096

export class RespReader {
  readonly scanner = new RespScanner()
  /** Set by its owner: no further value is read until resume(). */
  paused = false
  protected readonly sink: RespSink
  /** Bytes [heldStart, heldEnd) have not become a value yet. */
  private held: Buffer | null = null
  private heldStart = 0
  private heldEnd = 0
  private running = false
  private refused = false

  constructor(sink: RespSink) {
    this.sink = sink
  }

  get broken(): boolean {
    return this.scanner.broken
  }

  /** Bytes that wait for more, or for resume(). */
  get heldBytes(): number {
    return this.heldEnd - this.heldStart
  }

  /** Bytes [start, end) are only valid during the call. */
  feed(data: Buffer, start: number, end: number): void {
    if (this.held === null && !this.paused) {
      const at = this.run(data, start, end)
      if (at < end && !this.broken) this.hold(data, at, end)
      return
    }
    this.hold(data, start, end)
    this.runHeld()
  }

  /** Goes on with what is held. */
  resume(): void {
    this.paused = false
    if (!this.running) this.runHeld()
  }

  /** Within onRespValue: this value is not taken yet, it comes again after resume(). */
  refuse(): void {
    this.paused = true
    this.refused = true
  }

  /** Whatever has come or comes is of no interest any more. */
  stop(): void {
    this.paused = true
    this.held = null
    this.heldStart = this.heldEnd = 0
  }

  private runHeld(): void {
    const { held } = this
    if (held === null || this.paused) return
    const at = this.run(held, this.heldStart, this.heldEnd)
    if (this.held !== held) return
    this.heldStart = at
    if (at === this.heldEnd) {
      this.held = null
      this.heldStart = this.heldEnd = 0
    }
  }

  /** The position behind the last value. */
  private run(bytes: Buffer, at: number, end: number): number {
    this.running = true
    while (at < end && !this.paused) {
      const next = this.next(bytes, at, end)
      if (next < 0 || this.refused) break
      at = next
    }
    this.running = this.refused = false
    return at
  }

  /** Hands the value at `at` on; -1: there is none yet. */
  protected next(bytes: Buffer, at: number, end: number): number {
    const next = this.scanner.scan(bytes, at, end)
    if (next >= 0) this.sink.onRespValue(bytes, at, next)
    return next
  }

  private hold(data: Buffer, start: number, end: number): void {
    const size = end - start
    const before = this.heldBytes
    if (this.held === null || this.held.length - this.heldEnd < size) this.grow(before + size)
    data.copy(this.held!, this.heldEnd, start, end)
    this.heldEnd += size
  }

  /**
   * Room for `bytes`, and for what is known to be missing: but no more than as much again, since what is announced has yet to
   * come.
   */
  private grow(bytes: number): void {
    const { held, heldStart, heldEnd } = this
    const wanted = bytes + Math.min(this.scanner.missing, bytes)
    const fresh = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * (heldEnd - heldStart), FIRST_CAPACITY))
    if (held !== null) held.copy(fresh, 0, heldStart, heldEnd)
    this.held = fresh
    this.heldStart = 0
    this.heldEnd = heldEnd - heldStart
  }
}
