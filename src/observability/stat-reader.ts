import { HistogramSnapshot } from './histogram.ts'
import { type KnownTemplate, orderStats, type StatGroup } from './stat-order.ts'
import { ownerOf, type StatPrefixes } from './stat-prefixes.ts'
import type { StatDefinition, StatText } from './stat-store.ts'
import type { TemplateNames } from './stat-template.ts'

/** A number that several threads keep parts of. */
interface Parts {
  live: { thread: string; cells: Float64Array }[]
  /** What dead threads had counted. */
  retired: Float64Array | null
  /** Values at the last reset; counters only. */
  baseline: Float64Array | null
}

interface BlockEntry extends Parts {
  readonly prefix: string
  readonly template: KnownTemplate
}

interface SingleEntry extends Parts {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
}

interface HistogramEntry {
  readonly name: string
  live: { thread: string; page: number; cells: Float64Array }[]
  readonly retired: HistogramSnapshot
  /** As of the last flush: the interval is what came since. */
  flushed: HistogramSnapshot | undefined
  interval: HistogramSnapshot | undefined
  baseline: HistogramSnapshot | undefined
}

export interface NamedStat {
  readonly name: string
  readonly value: number
  readonly kind: 'counter' | 'gauge'
  /** Whether any thread has written it, even if it is 0 again. */
  readonly used: boolean
}

export interface NamedHistogram {
  readonly name: string
  /** Everything since start or reset. */
  readonly cumulative: HistogramSnapshot
  /** The last flush interval; undefined before the first flush. */
  readonly interval: HistogramSnapshot | undefined
}

/** Main's view of all threads' stats: sums what they keep, without asking them. */
export class StatReader {
  private readonly blocks = new Map<string, BlockEntry>()
  private readonly singles = new Map<string, SingleEntry>()
  private readonly histograms = new Map<string, HistogramEntry>()
  private readonly texts = new Map<string, StatText>()
  private readonly templates = new Map<string, KnownTemplate>()
  /** Everything in order; made when asked for after something was defined. */
  private ordered: StatGroup<BlockEntry | SingleEntry>[] | null = null

  /** Takes a thread's report. */
  define(thread: string, definitions: readonly StatDefinition[]): void {
    for (const definition of definitions) {
      if (definition.kind === 'block') this.defineBlock(thread, definition)
      else if (definition.kind === 'page') this.definePage(thread, definition)
      else if (definition.kind === 'forgotten') this.forget(thread, definition.prefixes)
      else if (definition.kind === 'text') this.texts.set(definition.name, definition.text)
      else this.defineSingle(thread, definition)
    }
  }

  private defineBlock(thread: string, { prefix, template, cells }: StatDefinition & { kind: 'block' }): void {
    const known = this.knownTemplate(template)
    const key = `${known.id} ${prefix}`
    let entry = this.blocks.get(key)
    if (entry === undefined) {
      entry = { prefix, template: known, live: [], retired: null, baseline: null }
      this.blocks.set(key, entry)
      this.ordered = null
      for (const name of template.histograms) this.histogramEntry(prefix + name)
    }
    entry.live.push({ thread, cells })
  }

  /** Threads send equal templates as separate objects; one is kept. */
  private knownTemplate(names: TemplateNames): KnownTemplate {
    let known = this.templates.get(names.key)
    if (known === undefined) {
      known = { id: this.templates.size, names }
      this.templates.set(names.key, known)
    }
    return known
  }

  private defineSingle(thread: string, { kind, name, cells }: StatDefinition & { kind: 'counter' | 'gauge' }): void {
    let entry = this.singles.get(name)
    if (entry === undefined) {
      entry = { name, kind, live: [], retired: null, baseline: null }
      this.singles.set(name, entry)
      this.ordered = null
    }
    entry.live.push({ thread, cells })
  }

  private definePage(thread: string, { name, page, cells }: StatDefinition & { kind: 'page' }): void {
    this.histogramEntry(name).live.push({ thread, page, cells })
  }

  private histogramEntry(name: string): HistogramEntry {
    let entry = this.histograms.get(name)
    if (entry === undefined) {
      entry = {
        name,
        live: [],
        retired: new HistogramSnapshot(),
        flushed: undefined,
        interval: undefined,
        baseline: undefined,
      }
      this.histograms.set(name, entry)
    }
    return entry
  }

  /** A thread has died: what it counted stays, its gauges vanish. */
  detach(thread: string): void {
    for (const entry of this.blocks.values()) retire(entry, thread, entry.template.names.counters.length)
    for (const entry of this.singles.values()) retire(entry, thread, entry.kind === 'counter' ? 1 : 0)
    for (const entry of this.histograms.values()) {
      for (const part of entry.live) if (part.thread === thread) entry.retired.add(part.page, part.cells)
      entry.live = entry.live.filter(part => part.thread !== thread)
    }
  }

  /** What was counted below these prefixes vanishes with the last thread that forgets it. */
  private forget(thread: string, prefixes: StatPrefixes): void {
    const drop = <Entry extends { live: readonly { thread: string }[] }>(map: Map<string, Entry>, key: string) => {
      const entry = map.get(key) as Entry
      entry.live = entry.live.filter(part => part.thread !== thread)
      if (entry.live.length === 0) map.delete(key)
    }
    for (const [key, entry] of this.blocks) if (ownerOf(entry.prefix, prefixes) !== null) drop(this.blocks, key)
    for (const map of [this.singles, this.histograms] as Map<string, SingleEntry | HistogramEntry>[]) {
      for (const name of map.keys()) if (ownerOf(name, prefixes) !== null) drop(map, name)
    }
    // Only main has such.
    for (const name of this.texts.keys()) if (ownerOf(name, prefixes) !== null) this.texts.delete(name)
    this.ordered = null
  }

  /** Texts by name. */
  *allTexts(): Generator<{ readonly name: string; readonly value: string }> {
    for (const name of [...this.texts.keys()].sort()) yield { name, value: this.texts.get(name)!.value }
  }

  /** Counters and gauges of all threads, by name. */
  *numbers(): Generator<NamedStat> {
    for (const { root, members, lines } of this.groups()) {
      for (const { rest, kind, member, slot } of lines) {
        const entry = members[member] as Parts
        const count = raw(entry, slot)
        yield {
          name: root + rest,
          value: count - (entry.baseline?.[slot] ?? 0),
          kind,
          used: kind === 'counter' ? count !== 0 : touched(entry, slot),
        }
      }
    }
  }

  private groups(): StatGroup<BlockEntry | SingleEntry>[] {
    this.ordered ??= orderStats<BlockEntry | SingleEntry>([...this.blocks.values(), ...this.singles.values()])
    return this.ordered
  }

  *allHistograms(): Generator<NamedHistogram> {
    const names = [...this.histograms.keys()].sort()
    for (const name of names) {
      const entry = this.histograms.get(name) as HistogramEntry
      yield { name, cumulative: total(entry).since(entry.baseline), interval: entry.interval }
    }
  }

  histogramOf(name: string): HistogramSnapshot | undefined {
    const entry = this.histograms.get(name)
    return entry === undefined ? undefined : total(entry).since(entry.baseline)
  }

  /** One counter or gauge by its full name. */
  value(name: string): number | undefined {
    const single = this.singles.get(name)
    if (single !== undefined) return sum(single, 0)
    for (const entry of this.blocks.values()) {
      if (!name.startsWith(entry.prefix)) continue
      const rest = name.slice(entry.prefix.length)
      const { counters, gauges } = entry.template.names
      let slot = counters.indexOf(rest)
      if (slot >= 0) return sum(entry, slot)
      slot = gauges.indexOf(rest)
      if (slot >= 0) return sum(entry, counters.length + slot)
    }
    return undefined
  }

  /** Ends the interval of histograms; called at each stats flush. */
  flushHistograms(): void {
    for (const entry of this.histograms.values()) {
      if (entry.live.length === 0 && entry.flushed === undefined) continue
      const now = total(entry)
      entry.interval = now.since(entry.flushed)
      entry.flushed = now
    }
  }

  /** Counters and histograms begin again at 0; threads are not disturbed. */
  resetCounters(): void {
    for (const entry of this.blocks.values()) entry.baseline = rawValues(entry, entry.template.names.counters.length)
    for (const entry of this.singles.values()) if (entry.kind === 'counter') entry.baseline = rawValues(entry, 1)
    for (const entry of this.histograms.values()) entry.baseline = total(entry)
  }
}

function raw(entry: Parts, slot: number): number {
  let value = entry.retired?.[slot] ?? 0
  for (let i = 0; i < entry.live.length; i++) value += entry.live[i]!.cells[slot]!
  return value
}

/** A gauge nobody has written holds minus zero, see StatStore. */
function touched(entry: Parts, slot: number): boolean {
  for (let i = 0; i < entry.live.length; i++) if (!Object.is(entry.live[i]!.cells[slot], -0)) return true
  return false
}

function sum(entry: Parts, slot: number): number {
  return raw(entry, slot) - (entry.baseline?.[slot] ?? 0)
}

function rawValues(entry: Parts, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, slot) => raw(entry, slot))
}

function retire(entry: Parts, thread: string, counters: number): void {
  for (const part of entry.live) {
    if (part.thread !== thread) continue
    entry.retired ??= new Float64Array(counters)
    for (let slot = 0; slot < counters; slot++) entry.retired[slot]! += part.cells[slot]!
  }
  entry.live = entry.live.filter(part => part.thread !== thread)
}

function total(entry: HistogramEntry): HistogramSnapshot {
  const snapshot = new HistogramSnapshot()
  for (const [page, cells] of entry.retired.pages) snapshot.add(page, cells)
  for (const part of entry.live) snapshot.add(part.page, part.cells)
  return snapshot
}
