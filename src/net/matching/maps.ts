// exact_match_map and prefix_match_map.

export class ExactMap<Step> {
  private readonly steps: ReadonlyMap<string, Step>

  constructor(steps: readonly (readonly [string, Step])[]) {
    this.steps = new Map(steps)
  }

  find<Found>(value: unknown, run: (step: Step) => Found | null): Found | null {
    const step = typeof value === 'string' ? this.steps.get(value) : undefined
    return step === undefined ? null : run(step)
  }
}

/** The longest prefix first; where it leads nowhere, the next one. */
export class PrefixMap<Step> {
  private readonly steps: ReadonlyMap<string, Step>
  /** Of the keys, longest first. */
  private readonly lengths: readonly number[]

  constructor(steps: readonly (readonly [string, Step])[]) {
    this.steps = new Map(steps)
    this.lengths = [...new Set(steps.map(([key]) => key.length))].sort((a, b) => b - a)
  }

  find<Found>(value: unknown, run: (step: Step) => Found | null): Found | null {
    if (typeof value !== 'string') return null
    for (const length of this.lengths) {
      if (length > value.length) continue
      const step = this.steps.get(value.slice(0, length))
      const found = step === undefined ? null : run(step)
      if (found !== null) return found
    }
    return null
  }
}
