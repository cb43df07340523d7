import { type AdminResponse, type Endpoint, type EndpointParam, HTML, JSON_TYPE, OK, TEXT, text } from '../endpoint.ts'
import { escapeHtml, htmlPage } from '../help.ts'
import type { QueryParams } from '../query.ts'
import type { AdminSources } from '../sources.ts'
import { parseStatsQuery, type StatsFormat, type StatsQuery } from '../stats-query.ts'

const USED_ONLY: EndpointParam = {
  name: 'usedonly',
  help: 'Only include stats that have been written by system since restart',
}
const FILTER: EndpointParam = { name: 'filter', help: 'Regular expression (Google re2) for filtering stats' }
const INVERT: EndpointParam = { name: 'invert_filter', help: 'Invert the filter regex' }
const BUCKETS = 'Histogram bucket display mode'

function answer(params: QueryParams, sources: AdminSources, implied: StatsFormat): AdminResponse {
  const query = parseStatsQuery(params, implied)
  if ('invalid' in query) return text(query.invalid, 400)
  const body = sources.stats(query)
  switch (query.format) {
    case 'json':
      return { status: 200, contentType: JSON_TYPE, body }
    case 'html':
    case 'active-html':
      return { status: 200, contentType: HTML, body: statsPage(query, body) }
    default:
      return { status: 200, contentType: TEXT, body }
  }
}

/** The text form in a page; the active one reads itself again every few seconds. */
function* statsPage(query: StatsQuery, lines: Iterable<string>): Generator<string> {
  const refresh = query.format === 'active-html' ? "\n<meta http-equiv='refresh' content='5'>" : ''
  const [before, after] = htmlPage('Outrider statistics', '<pre>\u0000</pre>\n', refresh).split('\u0000') as [
    string,
    string,
  ]
  yield before
  for (const line of lines) yield escapeHtml(line)
  yield after
}

export const stats: Endpoint = {
  path: '/stats',
  help: 'print server stats',
  params: [
    USED_ONLY,
    FILTER,
    INVERT,
    { name: 'format', help: 'Format to use', choices: ['html', 'active-html', 'text', 'json'] },
    {
      name: 'type',
      help: 'Stat types to include.',
      choices: ['All', 'Counters', 'Histograms', 'Gauges', 'TextReadouts'],
    },
    { name: 'histogram_buckets', help: BUCKETS, choices: ['cumulative', 'disjoint', 'detailed', 'summary'] },
  ],
  handle: ({ params }, sources) => answer(params, sources, 'text'),
}

export const prometheus: Endpoint = {
  path: '/stats/prometheus',
  help: 'print server stats in prometheus format',
  params: [
    USED_ONLY,
    {
      name: 'text_readouts',
      help: 'Render text_readouts as new gaugues with value 0 (increases Prometheus data size)',
    },
    FILTER,
    INVERT,
    { name: 'histogram_buckets', help: BUCKETS, choices: ['cumulative', 'summary'] },
  ],
  handle: ({ params }, sources) => answer(new Map([...params, ['format', 'prometheus']]), sources, 'prometheus'),
}

const LOOKUPS_OFF = 'Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n'

/**
 * Names are looked up when configuration is compiled, never per request, so there is nothing to track: the table stays
 * empty, in Envoy's form, for tools that ask.
 */
export function recentLookups(): readonly Endpoint[] {
  let enabled = false
  const set = (to: boolean) => () => {
    enabled = to
    return OK
  }
  return [
    {
      path: '/stats/recentlookups',
      help: 'Show recent stat-name lookups',
      handle: () => text(`${enabled ? '   Count Lookup\n' : LOOKUPS_OFF}\ntotal: 0\n`),
    },
    {
      path: '/stats/recentlookups/clear',
      help: 'clear list of stat-name lookups and counter',
      mutates: true,
      handle: () => OK,
    },
    {
      path: '/stats/recentlookups/disable',
      help: 'disable recording of reset stat-name lookup names',
      mutates: true,
      handle: set(false),
    },
    {
      path: '/stats/recentlookups/enable',
      help: 'enable recording of reset stat-name lookup names',
      mutates: true,
      handle: set(true),
    },
  ]
}
