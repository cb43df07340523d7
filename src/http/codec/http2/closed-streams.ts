// HOT FILE (docs/hot-path.md)

const SLOTS = 256

/** How a stream that is gone has ended: what may still arrive for it depends on that (RFC 9113, 5.1). */
export const NeverOpened = 0
/** Both halves ended, or the peer reset it: nothing may come. */
export const EndedByPeer = 1
/** Reset here: frames that were under way are ignored. */
export const ResetHere = 2
export type StreamEnd = typeof NeverOpened | typeof EndedByPeer | typeof ResetHere

/** Remembers how the last streams ended; of older ones nobody knows any more. */
export class ClosedStreams {
  /** Stream id * 2 + (1 for ResetHere), at its place in the order of ids. */
  private slots: Uint32Array | null = null

  add(id: number, end: StreamEnd): void {
    this.slots ??= new Uint32Array(SLOTS)
    this.slots[(id >>> 1) & (SLOTS - 1)] = id * 2 + (end === ResetHere ? 1 : 0)
  }

  endOf(id: number): StreamEnd {
    if (this.slots === null) return NeverOpened
    const entry = this.slots[(id >>> 1) & (SLOTS - 1)]!
    if (entry >>> 1 !== id) return NeverOpened
    return (entry & 1) === 1 ? ResetHere : EndedByPeer
  }
}
