// How long to wait before the next attempt: a random part of a bound that doubles.

export interface BackoffSettings {
  readonly baseMs: number
  readonly maxMs: number
}

export class Backoff {
  private readonly settings: BackoffSettings
  private readonly random: () => number
  private boundMs: number

  constructor(settings: BackoffSettings, random: () => number) {
    this.settings = settings
    this.random = random
    this.boundMs = settings.baseMs
  }

  /** Anything up to the bound, so that many who have lost the same server do not come back together. */
  nextMs(): number {
    const ms = Math.floor(this.random() * this.boundMs)
    this.boundMs = Math.min(this.boundMs * 2, this.settings.maxMs)
    return ms
  }

  reset(): void {
    this.boundMs = this.settings.baseMs
  }
}
