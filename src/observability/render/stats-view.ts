import type { NamedHistogram, NamedStat, StatReader } from '../stat-reader.ts'
import type { TagExtractor } from '../tags/tag-extractor.ts'

/** What part of the stats is wanted and how: the parameters of /stats. */
export interface StatsView {
  readonly format: 'text' | 'json' | 'prometheus' | 'html' | 'active-html'
  readonly type: 'All' | 'Counters' | 'Gauges' | 'Histograms' | 'TextReadouts'
  /** Only what was written since the start. */
  readonly usedOnly: boolean
  /** No stat here is hidden, so 'only' shows none. */
  readonly hidden: 'include' | 'only' | 'exclude'
  readonly histogramBuckets: 'unset' | 'cumulative' | 'disjoint' | 'detailed' | 'summary' | 'prometheusnative'
  /** Whether a stat of this full name is wanted; null: all are. */
  readonly matches: ((name: string) => boolean) | null
}

/** What StatsConfig says of all output. */
export interface StatsSettings {
  readonly tags: TagExtractor
  /** Upper bounds of the buckets of a histogram of this name, rising. */
  readonly bucketsOf: (name: string) => readonly number[]
  /** Whether stats of this name are to exist at all; null: all do. */
  readonly keeps: ((name: string) => boolean) | null
}

/** Texts to print, by name. */
export function* wantedTexts(
  reader: StatReader,
  view: StatsView,
  settings: StatsSettings,
): Generator<{ readonly name: string; readonly value: string }> {
  if (view.hidden === 'only' || (view.type !== 'All' && view.type !== 'TextReadouts')) return
  for (const text of reader.allTexts()) {
    if (view.usedOnly && text.value === '') continue
    if (isWanted(text.name, view, settings)) yield text
  }
}

/** Counters and gauges to print, by name. */
export function* wantedNumbers(reader: StatReader, view: StatsView, settings: StatsSettings): Generator<NamedStat> {
  if (view.hidden === 'only' || view.type === 'Histograms' || view.type === 'TextReadouts') return
  const kind = view.type === 'Counters' ? 'counter' : view.type === 'Gauges' ? 'gauge' : null
  for (const stat of reader.numbers()) {
    if (kind !== null && stat.kind !== kind) continue
    if (view.usedOnly && !stat.used) continue
    if (isWanted(stat.name, view, settings)) yield stat
  }
}

/** Histograms to print, by name. */
export function* wantedHistograms(
  reader: StatReader,
  view: StatsView,
  settings: StatsSettings,
): Generator<NamedHistogram> {
  if (view.hidden === 'only' || (view.type !== 'Histograms' && view.type !== 'All')) return
  for (const histogram of reader.allHistograms()) {
    if (view.usedOnly && histogram.cumulative.isEmpty) continue
    if (isWanted(histogram.name, view, settings)) yield histogram
  }
}

function isWanted(name: string, view: StatsView, settings: StatsSettings): boolean {
  if (settings.keeps !== null && !settings.keeps(name)) return false
  return view.matches === null || view.matches(name)
}

const PIECE_LENGTH = 65536
const PIECE_TEXTS = 2048

/** Joins small texts to pieces worth a write; one may be empty, so that no piece is long in the making. */
export function* inPieces(texts: Iterable<string>): Generator<string> {
  let piece = ''
  let count = 0
  for (const text of texts) {
    piece += text
    if (piece.length < PIECE_LENGTH && ++count < PIECE_TEXTS) continue
    yield piece
    piece = ''
    count = 0
  }
  if (piece !== '') yield piece
}
