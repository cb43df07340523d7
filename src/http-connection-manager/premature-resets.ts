// HOT FILE (docs/hot-path.md): one call per HTTP/2 stream.

/** Streams of a connection that are looked at before it is judged; runtime overload.premature_reset_total_stream_count. */
const STREAMS = 500
/** A reset within this time, before any response, is premature; overload.premature_reset_min_stream_lifetime_seconds. */
const LIFETIME_MS = 1000

/**
 * The ledger against rapid resets (CVE-2023-44487): a connection half of whose streams are reset before they could be
 * answered costs the origin work and its client nothing.
 */
export class PrematureResets {
  private closed = 0
  private premature = 0

  /** A stream is over. True: the connection must go. */
  onStreamEnded(lifetimeMs: number, answered: boolean): boolean {
    this.closed++
    if (answered || lifetimeMs > LIFETIME_MS) return false
    this.premature++
    // Before the count is full: even if all further streams were good, it could not be saved.
    return this.premature * 2 >= Math.max(this.closed, STREAMS)
  }
}
