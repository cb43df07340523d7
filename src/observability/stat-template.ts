/** The names of a template as other threads are told them. */
export interface TemplateNames {
  readonly key: string
  readonly counters: readonly string[]
  readonly gauges: readonly string[]
  readonly histograms: readonly string[]
}

/** The stats of one kind of thing, such as a cluster: names without their root, in a fixed order. */
export class StatTemplate {
  readonly counters: readonly string[]
  readonly gauges: readonly string[]
  readonly histograms: readonly string[]
  /** Equal in all threads for equal templates. */
  readonly key: string
  /** One object, so that a message with many blocks carries the names once. */
  readonly names: TemplateNames
  private readonly slots = new Map<string, number>()

  constructor(counters: readonly string[], gauges: readonly string[], histograms: readonly string[]) {
    this.counters = counters
    this.gauges = gauges
    this.histograms = histograms
    this.key = [counters.join(), gauges.join(), histograms.join()].join(';')
    this.names = { key: this.key, counters, gauges, histograms }
    for (const name of [...counters, ...gauges, ...histograms]) {
      if (this.slots.has(name)) throw new Error(`the stat ${name} stands twice in one template`)
      this.slots.set(name, this.slots.size)
    }
  }

  /** Number of cells: counters first, then gauges. Histograms have none. */
  get cellCount(): number {
    return this.counters.length + this.gauges.length
  }

  /** The number by which code finds a stat; constant, so taken once at module level. */
  slot(name: string): number {
    const slot = this.slots.get(name)
    if (slot === undefined) throw new Error(`no stat ${name} in this template`)
    return slot
  }
}

export interface StatNames {
  readonly counters?: readonly string[]
  readonly gauges?: readonly string[]
  readonly histograms?: readonly string[]
}

export function statTemplate(names: StatNames): StatTemplate {
  return new StatTemplate(names.counters ?? [], names.gauges ?? [], names.histograms ?? [])
}
