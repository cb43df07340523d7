// HOT FILE (docs/hot-path.md): a Map of streams costs four times as much per request. (bench: http2-codec)
import type { Http2Stream } from './stream.ts'

const INITIAL_SLOTS = 16
const MAX_SLOTS = 1024

/**
 * Streams by id. Ids of one side count up in steps of two, so id / 2 modulo a power of two is a place of its own as long as
 * few are open; two that meet make the table larger, and then one goes to a Map.
 */
export class StreamTable {
  size = 0
  private slots: (Http2Stream | null)[] = new Array(INITIAL_SLOTS).fill(null)
  private mask = INITIAL_SLOTS - 1
  private crowded: Map<number, Http2Stream> | null = null

  get(id: number): Http2Stream | undefined {
    const stream = this.slots[(id >>> 1) & this.mask] as Http2Stream | null
    if (stream !== null && stream.id === id) return stream
    return this.crowded === null ? undefined : this.crowded.get(id)
  }

  /** `stream` must be new. */
  add(stream: Http2Stream): void {
    this.size++
    while (this.slots[(stream.id >>> 1) & this.mask] !== null) {
      if (this.slots.length === MAX_SLOTS) {
        this.crowded ??= new Map()
        this.crowded.set(stream.id, stream)
        return
      }
      this.grow()
    }
    this.slots[(stream.id >>> 1) & this.mask] = stream
  }

  delete(stream: Http2Stream): void {
    this.size--
    const slot = (stream.id >>> 1) & this.mask
    if (this.slots[slot] === stream) this.slots[slot] = null
    else this.crowded?.delete(stream.id)
  }

  /** All of them, in no order: a list of its own, since streams end while it is gone through. */
  all(): Http2Stream[] {
    const streams = this.slots.filter(stream => stream !== null)
    return this.crowded === null ? streams : [...streams, ...this.crowded.values()]
  }

  private grow(): void {
    const old = this.slots
    this.slots = new Array(old.length * 2).fill(null)
    this.mask = this.slots.length - 1
    // Streams that were apart stay apart.
    for (const stream of old) if (stream !== null) this.slots[(stream.id >>> 1) & this.mask] = stream
  }
}
