// HOT FILE (docs/hot-path.md): a request that changes something must come from a page of its own target.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  parseAbsoluteUrl,
  REFERER,
} from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { CsrfPolicy } from './policy.ts'

export const CSRF_STATS = statTemplate({ counters: ['missing_source_origin', 'request_invalid', 'request_valid'] })
const MISSING = CSRF_STATS.slot('missing_source_origin')
const INVALID = CSRF_STATS.slot('request_invalid')
const VALID = CSRF_STATS.slot('request_valid')

const ORIGIN = HeaderName.of('origin')

export class CsrfFilter extends HttpFilter {
  private readonly policy: CsrfPolicy
  private readonly stats: StatBlock

  constructor(policy: CsrfPolicy, stats: StatBlock) {
    super()
    this.policy = policy
    this.stats = stats
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    if (!changesSomething(headers.method)) return FilterContinue
    const { thread } = this.callbacks
    const policy = (this.routePlan() as CsrfPolicy | null) ?? this.policy
    const enabled = policy.enabled.enabled(thread)
    if (!enabled && policy.shadow?.enabled(thread) !== true) return FilterContinue
    const outcome = judge(policy, headers)
    this.stats.cells[outcome]! += 1
    if (outcome === VALID || !enabled) return FilterContinue
    this.callbacks.sendLocalReply(403, 'Invalid origin', 'csrf_origin_mismatch')
    return FilterStop
  }
}

function changesSomething(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'DELETE' || method === 'PATCH'
}

function judge({ additionalOrigins }: CsrfPolicy, headers: HeaderMap): number {
  const source = sourceOf(headers)
  if (source === '') return MISSING
  if (source === hostAndPort(`http://${headers.authority}`)) return VALID
  for (let i = 0; i < additionalOrigins.length; i++) if (additionalOrigins[i]!(source)) return VALID
  return INVALID
}

/** An opaque origin is as none, and no Referer speaks for it. */
function sourceOf(headers: HeaderMap): string {
  const origin = headers.get(ORIGIN)
  return origin === 'null' ? '' : hostAndPort(origin) || hostAndPort(headers.get(REFERER))
}

/** As Envoy: what is no URL stands for itself. */
function hostAndPort(url: string | undefined): string {
  if (url === undefined || url === '') return ''
  return parseAbsoluteUrl(url)?.hostAndPort ?? url
}
