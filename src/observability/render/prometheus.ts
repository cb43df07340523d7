import type { NamedHistogram, StatReader } from '../stat-reader.ts'
import { countsUpTo, PERCENTS, percentiles } from './histogram-figures.ts'
import { type StatsSettings, type StatsView, wantedHistograms, wantedNumbers } from './stats-view.ts'

/** Series of one metric: their full stat names are in order. */
interface Metric<Item> {
  readonly name: string
  readonly series: { labels: string; item: Item }[]
}

/** Prometheus text 0.0.4: counters, gauges and histograms, each by metric name; a TYPE line before each metric. */
export function* prometheusLines(reader: StatReader, view: StatsView, settings: StatsSettings): Generator<string> {
  const { histogramBuckets: mode } = view
  if (mode === 'disjoint' || mode === 'detailed') {
    yield 'unsupported prometheus histogram bucket mode'
    return
  }
  const counters = new Map<string, Metric<number>>()
  const gauges = new Map<string, Metric<number>>()
  for (const { name, value, kind } of wantedNumbers(reader, view, settings)) {
    addSeries(kind === 'counter' ? counters : gauges, name, value, settings)
  }
  yield* numberLines('counter', counters)
  yield* numberLines('gauge', gauges)
  const histograms = new Map<string, Metric<NamedHistogram>>()
  for (const histogram of wantedHistograms(reader, view, settings)) {
    addSeries(histograms, histogram.name, histogram, settings)
  }
  for (const { name, series } of byName(histograms)) {
    yield `# TYPE ${name} ${mode === 'summary' ? 'summary' : 'histogram'}\n`
    for (const { labels, item } of series) {
      yield mode === 'summary' ? summaryLines(name, labels, item) : bucketLines(name, labels, item, settings)
    }
  }
}

function addSeries<Item>(metrics: Map<string, Metric<Item>>, stat: string, item: Item, settings: StatsSettings): void {
  const { name, tags } = settings.tags.extract(stat)
  let metric = metrics.get(name)
  if (metric === undefined) {
    metric = { name: `envoy_${sanitize(name)}`, series: [] }
    metrics.set(name, metric)
  }
  let labels = ''
  for (const { tag, value } of tags) labels += `${labels === '' ? '' : ','}${sanitize(tag)}="${escapeLabel(value)}"`
  metric.series.push({ labels, item })
}

/** Names are ordered as they are before dots become underscores. */
function byName<Item>(metrics: Map<string, Metric<Item>>): Metric<Item>[] {
  return [...metrics.keys()].sort().map(name => metrics.get(name) as Metric<Item>)
}

function* numberLines(type: 'counter' | 'gauge', metrics: Map<string, Metric<number>>): Generator<string> {
  for (const { name, series } of byName(metrics)) {
    yield `# TYPE ${name} ${type}\n`
    for (const { labels, item } of series) yield `${name}{${labels}} ${item}\n`
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
