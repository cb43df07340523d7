import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  overwriteHeader,
} from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { KeySource } from './key-source.ts'
import type { ApiKeySettings } from './settings.ts'

export const API_KEY_AUTH_STATS = statTemplate({ counters: ['allowed', 'unauthorized', 'forbidden'] })
const ALLOWED = API_KEY_AUTH_STATS.slot('allowed')
const UNAUTHORIZED = API_KEY_AUTH_STATS.slot('unauthorized')
const FORBIDDEN = API_KEY_AUTH_STATS.slot('forbidden')

const NO_SOURCES: readonly KeySource[] = []

export interface ApiKeyAuthShared {
  readonly own: ApiKeySettings
  stats: StatBlock | null
}

export class ApiKeyAuth extends HttpFilter {
  private readonly shared: ApiKeyAuthShared

  constructor(shared: ApiKeyAuthShared) {
    super()
    this.shared = shared
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { own } = this.shared
    const route = this.routePlan() as ApiKeySettings | null
    const sources = route?.sources ?? own.sources ?? NO_SOURCES
    if (sources.length === 0) return this.refuse('missing_key_sources')
    const key = firstKey(sources, headers)
    if (key === '') return this.refuse('missing_api_key')
    const clients = route?.clients ?? own.clients
    if (clients === null) return this.refuse('missing_credentials')
    const client = clients.find(key)
    if (client === undefined) return this.refuse('unknown_api_key')
    const allowed = route?.allowedClients ?? null
    if (allowed !== null && !allowed.has(client)) {
      this.count(FORBIDDEN)
      this.callbacks.sendLocalReply(403, 'Client is forbidden.', 'client_not_allowed')
      return FilterStop
    }
    this.forward(headers, client, sources, route === null ? own.forwarding : route.forwarding)
    this.count(ALLOWED)
    return FilterContinue
  }

  private forward(
    headers: HeaderMap,
    client: string,
    sources: readonly KeySource[],
    forwarding: ApiKeySettings['forwarding'],
  ): void {
    if (forwarding === null) return
    if (forwarding.header !== null) overwriteHeader(headers, forwarding.header, client)
    if (forwarding.hideCredentials) for (const source of sources) source.remove(headers)
  }

  private refuse(details: string): HttpFilterStatus {
    this.count(UNAUTHORIZED)
    this.callbacks.sendLocalReply(401, 'Client authentication failed.', details)
    return FilterStop
  }

  private count(slot: number): void {
    const { stats } = this.shared
    if (stats !== null) stats.cells[slot]! += 1
  }
}

function firstKey(sources: readonly KeySource[], headers: HeaderMap): string {
  for (let i = 0; i < sources.length; i++) {
    const key = sources[i]!.read(headers)
    if (key !== '') return key
  }
  return ''
}
