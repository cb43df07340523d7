import type { HistogramBucket } from '../histogram.ts'
import type { NamedHistogram, StatReader } from '../stat-reader.ts'
import { countsBetween, countsUpTo, PERCENTS, percentiles } from './histogram-figures.ts'
import { type StatsSettings, type StatsView, wantedHistograms, wantedNumbers, wantedTexts } from './stats-view.ts'

/** `name: value` lines, each kind by name: texts, counters and gauges, histograms. */
export function* textLines(reader: StatReader, view: StatsView, settings: StatsSettings): Generator<string> {
  for (const { name, value } of wantedTexts(reader, view, settings)) yield `${name}: "${value}"\n`
  for (const { name, value } of wantedNumbers(reader, view, settings)) yield `${name}: ${value}\n`
  for (const histogram of wantedHistograms(reader, view, settings)) {
    yield `${histogram.name}:${figures(histogram, view, settings)}\n`
  }
}

function figures(histogram: NamedHistogram, view: StatsView, settings: StatsSettings): string {
  const totals = [...histogram.cumulative.buckets()]
  if (totals.length === 0) return ' No recorded values'
  const interval = histogram.interval === undefined ? [] : [...histogram.interval.buckets()]
  switch (view.histogramBuckets) {
    case 'cumulative':
      return bucketCounts(countsUpTo, settings.bucketsOf(histogram.name), interval, totals)
    case 'disjoint':
      return bucketCounts(countsBetween, settings.bucketsOf(histogram.name), interval, totals)
    case 'detailed':
      return `\n  totals=${bucketList(totals)}\n  intervals=${bucketList(interval)}\n  summary=${summary(interval, totals)}`
    default:
      return ` ${summary(interval, totals)}`
  }
}

type Counts = (bounds: readonly number[], buckets: readonly HistogramBucket[]) => number[]

function bucketCounts(
  counts: Counts,
  bounds: readonly number[],
  interval: readonly HistogramBucket[],
  totals: readonly HistogramBucket[],
): string {
  const intervalCounts = counts(bounds, interval)
  const totalCounts = counts(bounds, totals)
  return bounds.map((bound, i) => ` B${short(bound)}(${intervalCounts[i]},${totalCounts[i]})`).join('')
}

function bucketList(buckets: readonly HistogramBucket[]): string {
  return buckets.map(({ start, width, count }) => `${short(start)},${short(width)}:${count}`).join(', ')
}

function summary(interval: readonly HistogramBucket[], totals: readonly HistogramBucket[]): string {
  const intervalValues = percentiles(interval)
  return percentiles(totals)
    .map((value, i) => `P${PERCENTS[i]}(${plain(intervalValues[i]!)},${plain(value)})`)
    .join(' ')
}

const plain = (value: number): string => (Number.isNaN(value) ? 'nan' : String(value))

/** C's %g: six digits, from a million on with an exponent of two digits. */
function short(value: number): string {
  const text = Number(value.toPrecision(6))
  if (text < 1e6) return String(text)
  const [digits, exponent] = text.toExponential().split('e+') as [string, string]
  return `${digits}e+${exponent.padStart(2, '0')}`
}
