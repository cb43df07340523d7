// HOT FILE (docs/hot-path.md): an increment is one write to an array; everything else here happens once per stat.
import type { Steps } from '../base/index.ts'
import { Histogram, PAGE_BUCKETS } from './histogram.ts'
import { ownerOf, type StatPrefixes } from './stat-prefixes.ts'
import type { StatTemplate, TemplateNames } from './stat-template.ts'

/** What a thread has defined; sent to main as it is, the memory itself is shared. */
export type StatDefinition =
  | { readonly kind: 'block'; readonly prefix: string; readonly template: TemplateNames; readonly cells: Float64Array }
  | { readonly kind: 'counter' | 'gauge'; readonly name: string; readonly cells: Float64Array }
  | { readonly kind: 'page'; readonly name: string; readonly page: number; readonly cells: Float64Array }
  | { readonly kind: 'text'; readonly name: string; readonly text: StatText }
  /** Nothing below these exists on the thread any more. */
  | { readonly kind: 'forgotten'; readonly prefixes: StatPrefixes }

/** A stat that is a text (Envoy: text readout). Only main has such. */
export interface StatText {
  value: string
}

/** Where a single stat lives: `cells[slot]! += 1`. */
export interface StatCell {
  readonly cells: Float64Array
  readonly slot: number
}

/** The stats of one thing on one thread: `cells[slot]! += 1` for counters, `+= 1` and `-= 1` for gauges. */
export class StatBlock {
  readonly prefix: string
  readonly cells: Float64Array
  private readonly template: StatTemplate
  private readonly store: StatStore
  private histograms: (Histogram | null)[] | null = null

  constructor(store: StatStore, prefix: string, template: StatTemplate, cells: Float64Array) {
    this.store = store
    this.prefix = prefix
    this.template = template
    this.cells = cells
  }

  /** `slot` of a histogram of the template. */
  histogram(slot: number): Histogram {
    const { template } = this
    const index = slot - template.cellCount
    this.histograms ??= new Array(template.histograms.length).fill(null)
    return (this.histograms[index] ??= this.store.histogram(this.prefix + template.histograms[index]))
  }
}

const CHUNK_CELLS = 8192

/** One thread's stats, in memory that main can read while the thread writes. */
export class StatStore {
  private readonly blocks = new Map<string, Map<string, StatBlock>>()
  private readonly singles = new Map<string, StatCell>()
  private readonly histograms = new Map<string, Histogram>()
  private readonly texts = new Map<string, StatText>()
  /** How often something has been forgotten: who keeps stats by names of others asks for them anew. */
  generation = 0
  private readonly report: (definitions: StatDefinition[]) => void
  private pending: StatDefinition[] = []
  private scheduled = false
  private chunk: SharedArrayBuffer | null = null
  private used = 0

  /** `report` gets new definitions, gathered per turn. */
  constructor(report: (definitions: StatDefinition[]) => void = () => {}) {
    this.report = report
  }

  /** The block of `prefix` ('cluster.x.'), the same object for the same prefix and template. */
  block(prefix: string, template: StatTemplate): StatBlock {
    let byTemplate = this.blocks.get(prefix)
    if (byTemplate === undefined) {
      byTemplate = new Map()
      this.blocks.set(prefix, byTemplate)
    }
    let block = byTemplate.get(template.key)
    if (block === undefined) {
      const cells = this.allocate(template.cellCount)
      // Minus zero marks a gauge that nobody has written: any sum leaves plus zero behind. /stats?usedonly tells them apart.
      cells.fill(-0, template.counters.length)
      block = new StatBlock(this, prefix, template, cells)
      byTemplate.set(template.key, block)
      this.define({ kind: 'block', prefix, template: template.names, cells })
    }
    return block
  }

  counter(name: string): StatCell {
    return this.single('counter', name)
  }

  gauge(name: string): StatCell {
    return this.single('gauge', name)
  }

  private single(kind: 'counter' | 'gauge', name: string): StatCell {
    let cell = this.singles.get(name)
    if (cell === undefined) {
      cell = { cells: this.allocate(1), slot: 0 }
      if (kind === 'gauge') cell.cells[0] = -0
      this.singles.set(name, cell)
      this.define({ kind, name, cells: cell.cells })
    }
    return cell
  }

  /** The same object for the same name. */
  text(name: string): StatText {
    let text = this.texts.get(name)
    if (text === undefined) {
      text = { value: '' }
      this.texts.set(name, text)
      this.define({ kind: 'text', name, text })
    }
    return text
  }

  histogram(name: string): Histogram {
    let histogram = this.histograms.get(name)
    if (histogram === undefined) {
      histogram = new Histogram(page => {
        const cells = this.allocate(PAGE_BUCKETS)
        this.define({ kind: 'page', name, page, cells })
        return cells
      })
      this.histograms.set(name, histogram)
    }
    return histogram
  }

  /**
   * Forgets what has been defined below prefixes of things that are gone. Whoever still holds some of it counts for nobody;
   * its memory goes with the last one of its chunk. Nothing is forgotten before the last step.
   */
  *forgetting(prefixes: StatPrefixes): Steps {
    const found: (readonly [Map<string, unknown>, string])[] = []
    let looked = 0
    for (const map of [this.blocks, this.singles, this.histograms, this.texts]) {
      for (const name of map.keys()) {
        if (ownerOf(name, prefixes) !== null) found.push([map, name])
        if ((++looked & 127) === 0) yield
      }
    }
    for (const [map, name] of found) map.delete(name)
    this.generation++
    this.define({ kind: 'forgotten', prefixes })
  }

  private allocate(count: number): Float64Array {
    if (count > CHUNK_CELLS / 4) return new Float64Array(new SharedArrayBuffer(count * 8))
    if (this.chunk === null || this.used + count > CHUNK_CELLS) {
      this.chunk = new SharedArrayBuffer(CHUNK_CELLS * 8)
      this.used = 0
    }
    const cells = new Float64Array(this.chunk, this.used * 8, count)
    this.used += count
    return cells
  }

  private define(definition: StatDefinition): void {
    this.pending.push(definition)
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => this.flush())
  }

  /** Reports what has been defined so far. */
  flush(): void {
    this.scheduled = false
    const { pending } = this
    this.pending = []
    if (pending.length > 0) this.report(pending)
  }
}
