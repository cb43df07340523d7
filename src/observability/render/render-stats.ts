import type { StatReader } from '../stat-reader.ts'
import { jsonTexts } from './json.ts'
import { prometheusLines } from './prometheus.ts'
import { inPieces, type StatsSettings, type StatsView } from './stats-view.ts'
import { textLines } from './text.ts'

/**
 * The stats of all threads as /stats prints them, in pieces of about 64 Ki characters made when asked for. The html
 * formats get the text form.
 */
export function renderStats(reader: StatReader, view: StatsView, settings: StatsSettings): Generator<string> {
  switch (view.format) {
    case 'json':
      return inPieces(jsonTexts(reader, view, settings))
    case 'prometheus':
      return inPieces(prometheusLines(reader, view, settings))
    default:
      return inPieces(textLines(reader, view, settings))
  }
}
