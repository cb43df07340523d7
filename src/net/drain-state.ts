/** Whether this thread is draining, and whether a response should ask its client to go elsewhere. */
export class DrainState {
  draining = false
  /** Share of responses that say `connection: close` while draining, 0 to 1; 1 for the immediate strategy. */
  closeProbability = 1
  /** The operator has asked for health checks to fail (`/healthcheck/fail`). */
  healthChecksFail = false
  private readonly random: () => number
  private readonly listeners = new Set<() => void>()

  constructor(random: () => number = Math.random) {
    this.random = random
  }

  /** HOT: asked once per response. */
  drainClose(): boolean {
    return this.draining && (this.closeProbability >= 1 || this.random() < this.closeProbability)
  }

  begin(): void {
    if (this.draining) return
    this.draining = true
    for (const listener of this.listeners) listener()
  }

  cancel(): void {
    this.draining = false
  }

  /** Calls `listener` when draining begins; returns how to forget it. */
  onDrain(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}
