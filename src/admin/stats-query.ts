import { compileNameFilter, type RegexFailure } from './name-filter.ts'
import type { QueryParams } from './query.ts'

export type StatType = 'All' | 'Counters' | 'Gauges' | 'Histograms' | 'TextReadouts'
export type StatsFormat = 'text' | 'json' | 'prometheus' | 'html' | 'active-html'
export type HistogramBuckets = 'unset' | 'cumulative' | 'disjoint' | 'detailed' | 'summary' | 'prometheusnative'

/** The parameters of /stats and /stats/prometheus. */
export interface StatsQuery {
  readonly format: StatsFormat
  readonly type: StatType
  /** Only what was written since the start. */
  readonly usedOnly: boolean
  readonly hidden: 'include' | 'only' | 'exclude'
  readonly histogramBuckets: HistogramBuckets
  /** Prometheus only: text readouts as gauges of value 0. */
  readonly textReadouts: boolean
  /** Whether a stat of this full name is wanted; null: all are. */
  readonly matches: ((name: string) => boolean) | null
}

/** A parameter that is wrong, in Envoy's words. */
export interface InvalidQuery {
  readonly invalid: string
}

const TYPES: readonly string[] = ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts']
const FORMATS: readonly string[] = ['html', 'active-html', 'json', 'prometheus', 'text']
const HIDDEN: readonly string[] = ['include', 'only', 'exclude']
const BUCKETS: readonly string[] = ['cumulative', 'disjoint', 'detailed', 'summary', 'prometheusnative']

/** Reads the parameters; `format` is what the path implies when the query does not say. */
export function parseStatsQuery(params: QueryParams, impliedFormat: StatsFormat): StatsQuery | InvalidQuery {
  const matches = statFilter(params)
  if (matches !== null && 'invalid' in matches) return matches
  // An empty value counts as none.
  const format = params.get('format') || impliedFormat
  const type = params.get('type') || 'All'
  const hidden = params.get('hidden') || 'exclude'
  const buckets = params.get('histogram_buckets') || 'unset'
  if (buckets !== 'unset' && !BUCKETS.includes(buckets)) {
    return { invalid: `usage: /stats?histogram_buckets=(${BUCKETS.join('|')})\n` }
  }
  if (!TYPES.includes(type)) return { invalid: 'invalid &type= param' }
  if (!FORMATS.includes(format)) return { invalid: `usage: /stats?format=(${FORMATS.join('|')})\n\n` }
  if (!HIDDEN.includes(hidden)) return { invalid: `usage: /stats?hidden=(${HIDDEN.join('|')})\n\n` }
  const clash = bucketsClash(format, buckets)
  if (clash !== undefined) return { invalid: clash }
  return {
    format: format as StatsFormat,
    type: type as StatType,
    usedOnly: params.has('usedonly'),
    hidden: hidden as StatsQuery['hidden'],
    histogramBuckets: buckets as HistogramBuckets,
    textReadouts: params.has('text_readouts'),
    matches: matches?.matches ?? null,
  }
}

/** Why this way of printing buckets does not go with the format. */
function bucketsClash(format: string, buckets: string): string | undefined {
  if (format !== 'prometheus') {
    return buckets === 'prometheusnative' ? 'Invalid histogram_buckets type for non prometheus stats type' : undefined
  }
  if (buckets === 'disjoint' || buckets === 'detailed') return 'unsupported prometheus histogram bucket mode'
  if (buckets !== 'prometheusnative') return undefined
  return 'unsupported prometheusnative histogram type when not using protobuf exposition format'
}

function statFilter(params: QueryParams): { readonly matches: (name: string) => boolean } | InvalidQuery | null {
  const filter = params.get('filter')
  if (filter === undefined || filter === '') return null
  const compiled = compileNameFilter(filter)
  if (isFailure(compiled)) return { invalid: `Invalid re2 regex: ${compiled.reason}` }
  const invert = params.has('invert_filter')
  return { matches: invert ? name => !compiled(name) : compiled }
}

function isFailure(compiled: RegexFailure | ((name: string) => boolean)): compiled is RegexFailure {
  return typeof compiled !== 'function'
}
