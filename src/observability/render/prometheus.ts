import type { NamedHistogram, StatReader } from '../stat-reader.ts'
import type { FixedTag } from '../tags/tag-extractor.ts'
import { countsUpTo, PERCENTS, percentiles } from './histogram-figures.ts'
import { type StatsSettings, type StatsView, wantedHistograms, wantedNumbers } from './stats-view.ts'

/** Series of one metric, in the order of their stat names: labels[i] belongs to items[i]. */
interface Metric<Item> {
  readonly name: string
  readonly labels: string[]
  readonly items: Item[]
}

/** Prometheus text 0.0.4: counters, gauges and histograms, each by metric name; a TYPE line before each metric. */
export function* prometheusLines(reader: StatReader, view: StatsView, settings: StatsSettings): Generator<string> {
  const { histogramBuckets: mode } = view
  if (mode === 'disjoint' || mode === 'detailed') {
    yield 'unsupported prometheus histogram bucket mode'
    return
  }
  const counters = new Metrics<number>(settings)
  const gauges = new Metrics<number>(settings)
  for (const { name, value, kind } of wantedNumbers(reader, view, settings)) {
    if (kind === 'counter') counters.add(name, value)
    else gauges.add(name, value)
    // Nothing can be printed before all are known; the reader of these lines may want a rest all the same.
    yield ''
  }
  yield* numberLines('counter', counters)
  yield* numberLines('gauge', gauges)
  const histograms = new Metrics<NamedHistogram>(settings)
  for (const histogram of wantedHistograms(reader, view, settings)) {
    histograms.add(histogram.name, histogram)
    yield ''
  }
  for (const { name, labels, items } of histograms.byName()) {
    yield `# TYPE ${name} ${mode === 'summary' ? 'summary' : 'histogram'}\n`
    for (let i = 0; i < items.length; i++) {
      yield mode === 'summary'
        ? summaryLines(name, labels[i]!, items[i]!)
        : bucketLines(name, labels[i]!, items[i]!, settings)
    }
  }
}

/** Stats gathered by the name that is left when their tags are taken out. */
class Metrics<Item> {
  private readonly settings: StatsSettings
  private readonly metrics = new Map<string, Metric<Item>>()
  private lastTags: readonly FixedTag[] = []
  private lastLabels = ''

  constructor(settings: StatsSettings) {
    this.settings = settings
  }

  add(stat: string, item: Item): void {
    const { name, tags } = this.settings.tags.extract(stat)
    let metric = this.metrics.get(name)
    if (metric === undefined) {
      metric = { name: `envoy_${sanitize(name)}`, labels: [], items: [] }
      this.metrics.set(name, metric)
    }
    metric.labels.push(this.labelsOf(tags))
    metric.items.push(item)
  }

  /** The hundred stats of a cluster have the same labels and come together: they share one text. */
  private labelsOf(tags: readonly FixedTag[]): string {
    if (!sameTags(tags, this.lastTags)) {
      this.lastTags = tags
      this.lastLabels = tags.map(({ tag, value }) => `${sanitize(tag)}="${escapeLabel(value)}"`).join(',')
    }
    return this.lastLabels
  }

  /** Names are ordered as they are before dots become underscores. */
  byName(): Metric<Item>[] {
    return [...this.metrics.keys()].sort().map(name => this.metrics.get(name) as Metric<Item>)
  }
}

function sameTags(a: readonly FixedTag[], b: readonly FixedTag[]): boolean {
  return a.length === b.length && a.every((tag, i) => tag.tag === b[i]!.tag && tag.value === b[i]!.value)
}

function* numberLines(type: 'counter' | 'gauge', metrics: Metrics<number>): Generator<string> {
  for (const { name, labels, items } of metrics.byName()) {
    yield `# TYPE ${name} ${type}\n`
    for (let i = 0; i < items.length; i++) yield `${name}{${labels[i]}} ${items[i]}\n`
  }
}

function bucketLines(name: string, labels: string, histogram: NamedHistogram, settings: StatsSettings): string {
  const { cumulative } = histogram
  const bounds = settings.bucketsOf(histogram.name)
  const counts = countsUpTo(bounds, [...cumulative.buckets()])
  const before = `${name}_bucket{${labels}${labels === '' ? '' : ','}le=`
  let lines = ''
  for (let i = 0; i < bounds.length; i++) lines += `${before}"${bounds[i]}"} ${counts[i]}\n`
  return `${lines}${before}"+Inf"} ${cumulative.count}\n${sumLines(name, labels, histogram)}`
}

function summaryLines(name: string, labels: string, histogram: NamedHistogram): string {
  const before = `${name}{${labels}${labels === '' ? '' : ','}quantile=`
  const values = percentiles([...histogram.cumulative.buckets()])
  const lines = values.map((value, i) => `${before}"${PERCENTS[i]! / 100}"} ${value}\n`).join('')
  return lines + sumLines(name, labels, histogram)
}

function sumLines(name: string, labels: string, { cumulative }: NamedHistogram): string {
  return `${name}_sum{${labels}} ${cumulative.sum}\n${name}_count{${labels}} ${cumulative.count}\n`
}

const sanitize = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, '_')

function escapeLabel(value: string): string {
  if (!/["\\\n]/.test(value)) return value
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
