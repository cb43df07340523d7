import type { HistogramBucket } from '../histogram.ts'
import type { NamedHistogram, StatReader } from '../stat-reader.ts'
import { countsBetween, countsUpTo, PERCENTS, percentiles } from './histogram-figures.ts'
import { type StatsSettings, type StatsView, wantedHistograms, wantedNumbers, wantedTexts } from './stats-view.ts'

/** `{"stats":[{"name":...,"value":...},...,{"histograms":...}]}`; the last entry only where there are histograms. */
export function* jsonTexts(reader: StatReader, view: StatsView, settings: StatsSettings): Generator<string> {
  yield '{"stats":['
  let between = ''
  for (const { name, value } of wantedTexts(reader, view, settings)) {
    yield `${between}{"name":${JSON.stringify(name)},"value":${JSON.stringify(value)}}`
    between = ','
  }
  for (const { name, value } of wantedNumbers(reader, view, settings)) {
    yield `${between}{"name":${JSON.stringify(name)},"value":${value}}`
    between = ','
  }
  const [before, item, after] = histogramForm(view.histogramBuckets, settings)
  let any = false
  for (const histogram of wantedHistograms(reader, view, settings)) {
    const text = JSON.stringify(item(histogram))
    yield any ? `,${text}` : `${between}{"histograms":${before}${text}`
    any = true
  }
  yield any ? `${after}}]}` : ']}'
}

type HistogramForm = [before: string, item: (histogram: NamedHistogram) => object, after: string]

function histogramForm(buckets: StatsView['histogramBuckets'], settings: StatsSettings): HistogramForm {
  const percents = JSON.stringify(PERCENTS)
  switch (buckets) {
    case 'cumulative':
      return ['[', histogram => bucketsItem(histogram, countsUpTo, settings), ']']
    case 'disjoint':
      return ['[', histogram => bucketsItem(histogram, countsBetween, settings), ']']
    case 'detailed':
      return [`{"supported_percentiles":${percents},"details":[`, detailsItem, ']}']
    default:
      return [`{"supported_quantiles":${percents},"computed_quantiles":[`, quantilesItem, ']}']
  }
}

function bucketsOf(histogram: NamedHistogram): { totals: HistogramBucket[]; interval: HistogramBucket[] } {
  return {
    totals: [...histogram.cumulative.buckets()],
    interval: histogram.interval === undefined ? [] : [...histogram.interval.buckets()],
  }
}

function bucketsItem(histogram: NamedHistogram, counts: typeof countsUpTo, settings: StatsSettings): object {
  const { totals, interval } = bucketsOf(histogram)
  const bounds = settings.bucketsOf(histogram.name)
  const intervalCounts = counts(bounds, interval)
  const totalCounts = counts(bounds, totals)
  const buckets = bounds.map((bound, i) => ({
    upper_bound: bound,
    interval: intervalCounts[i],
    cumulative: totalCounts[i],
  }))
  return { name: histogram.name, buckets }
}

function detailsItem(histogram: NamedHistogram): object {
  const { totals, interval } = bucketsOf(histogram)
  return {
    name: histogram.name,
    totals: totals.map(bucketItem),
    intervals: interval.map(bucketItem),
    percentiles: percentileItems(totals, interval),
  }
}

const bucketItem = ({ start, width, count }: HistogramBucket): object => ({ lower_bound: start, width, count })

function quantilesItem(histogram: NamedHistogram): object {
  const { totals, interval } = bucketsOf(histogram)
  return { name: histogram.name, values: percentileItems(totals, interval) }
}

/** NaN becomes null. */
function percentileItems(totals: readonly HistogramBucket[], interval: readonly HistogramBucket[]): object[] {
  const intervalValues = percentiles(interval)
  return percentiles(totals).map((value, i) => ({ cumulative: value, interval: intervalValues[i] }))
}
