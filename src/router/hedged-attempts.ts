import type { UpstreamRequest } from './upstream-request.ts'

/** Attempts whose per-try timeout has passed but whose answer would still be taken (HedgePolicy). */
export class HedgedAttempts {
  private readonly attempts: UpstreamRequest[] = []

  /** There are others than `attempt`. */
  anyBut(attempt: UpstreamRequest): boolean {
    return this.attempts.length > (this.has(attempt) ? 1 : 0)
  }

  get any(): boolean {
    return this.attempts.length > 0
  }

  has(attempt: UpstreamRequest): boolean {
    return this.attempts.includes(attempt)
  }

  add(attempt: UpstreamRequest): void {
    this.attempts.push(attempt)
  }

  remove(attempt: UpstreamRequest): void {
    const index = this.attempts.indexOf(attempt)
    if (index >= 0) this.attempts.splice(index, 1)
  }

  /** All of them; from here on there are none. */
  takeAll(): UpstreamRequest[] {
    return this.attempts.splice(0)
  }

  /** One has won, or nobody waits any more. */
  abandonAll(): void {
    for (const attempt of this.takeAll()) attempt.abandon()
  }
}
