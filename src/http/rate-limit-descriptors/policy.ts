// HOT FILE (docs/hot-path.md): a list of route.v3.RateLimit, compiled: what descriptors a request has.
import './support.ts'
import type {
  RateLimit_OverrideJson as OverrideJson,
  RateLimitJson,
} from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { CompileContext, ConfigPath, RuntimeSnapshot } from '../../config/index.ts'
import { compileAction } from './compile-action.ts'
import type {
  DescriptorEntry,
  LimitOverride,
  RateLimitAction,
  RateLimitDescriptor,
  RateLimitSubject,
  XRateLimitOption,
} from './descriptor.ts'
import { compileHitsAddend, type HitsAddend, NoHits } from './hits-addend.ts'
import { type Metadata, metadataReader } from './metadata-key.ts'

/** Whose limits these are: Envoy knows fewer fields in the ones of routes, and no stages in those of filters. */
export type RateLimitPlace = 'route' | 'filter'

const WHOLE = { numerator: 100, denominator: 100 }

class RateLimitEntry {
  readonly stage: number
  /** '' for none; else the entry is off where runtime says so. */
  readonly disableKey: string
  readonly onStreamDone: boolean
  private readonly actions: readonly RateLimitAction[]
  private readonly limit: (metadata: Metadata | null) => LimitOverride | null
  private readonly hits: HitsAddend | null
  private readonly isNegativeHits: boolean
  private readonly xRateLimitOption: XRateLimitOption

  constructor(json: RateLimitJson, actions: readonly RateLimitAction[], hits: HitsAddend | null) {
    this.stage = json.stage ?? 0
    this.disableKey = json.disableKey ?? ''
    this.onStreamDone = json.applyOnStreamDone === true
    this.actions = actions
    this.limit = json.limit === undefined ? () => null : limitReader(json.limit)
    this.hits = hits
    this.isNegativeHits = json.hitsAddend?.isNegativeHits === true
    this.xRateLimitOption = json.xRatelimitOption ?? 'UNSPECIFIED'
  }

  /** Null: the request has no such descriptor. */
  describe(subject: RateLimitSubject): RateLimitDescriptor | null {
    const entries: DescriptorEntry[] = []
    for (let i = 0; i < this.actions.length; i++) if (!this.actions[i]!.populate(entries, subject)) return null
    const hitsAddend = this.hits === null ? null : this.hits(subject)
    if (hitsAddend === NoHits) return null
    const limit = this.limit(subject.info.dynamicMetadata)
    const { isNegativeHits, xRateLimitOption } = this
    return { entries, limit, hitsAddend, isNegativeHits, xRateLimitOption }
  }
}

export class RateLimitPolicy {
  static readonly none = new RateLimitPolicy([])

  private readonly entries: readonly RateLimitEntry[]
  /** Some descriptors are asked for when the response is over. */
  readonly hasStreamDone: boolean

  constructor(entries: readonly RateLimitEntry[]) {
    this.entries = entries
    this.hasStreamDone = entries.some(entry => entry.onStreamDone)
  }

  get isEmpty(): boolean {
    return this.entries.length === 0
  }

  /** Adds the descriptors of `stage`. `runtime`: where keys that disable an entry are looked up; null: a key does it. */
  populate(
    into: RateLimitDescriptor[],
    stage: number,
    onStreamDone: boolean,
    runtime: RuntimeSnapshot | null,
    subject: RateLimitSubject,
  ): void {
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i]!
      if (entry.stage !== stage || entry.onStreamDone !== onStreamDone) continue
      if (entry.disableKey !== '' && isDisabled(entry.disableKey, runtime)) continue
      const descriptor = entry.describe(subject)
      if (descriptor !== null) into.push(descriptor)
    }
  }
}

function isDisabled(key: string, runtime: RuntimeSnapshot | null): boolean {
  return runtime === null || !runtime.featureEnabled(`ratelimit.${key}.http_filter_enabled`, WHOLE, 0.5)
}

export function compileRateLimits(
  limits: readonly RateLimitJson[] | undefined,
  place: RateLimitPlace,
  context: CompileContext,
  path: ConfigPath,
): RateLimitPolicy {
  if (limits === undefined || limits.length === 0) return RateLimitPolicy.none
  return new RateLimitPolicy(limits.map((limit, i) => compileEntry(limit, place, context, path.index(i))))
}

function compileEntry(
  json: RateLimitJson,
  place: RateLimitPlace,
  context: CompileContext,
  path: ConfigPath,
): RateLimitEntry {
  const actions: RateLimitAction[] = []
  for (const [i, action] of (json.actions ?? []).entries()) {
    const compiled = compileAction(action, context, path.field('actions').index(i))
    if (compiled !== undefined) actions.push(compiled)
  }
  checkPlace(json, place, context, path)
  const hits =
    json.hitsAddend === undefined ? null : compileHitsAddend(json.hitsAddend, context, path.field('hits_addend'))
  return new RateLimitEntry(json, actions, hits)
}

/** Envoy reads hits_addend only in limits of filters, and refuses stages and keys there. */
function checkPlace(json: RateLimitJson, place: RateLimitPlace, context: CompileContext, path: ConfigPath): void {
  if (place === 'route' && json.hitsAddend !== undefined) {
    context.diagnostics.error(path.field('hits_addend'), 'hits_addend has no effect in the rate_limits of a route', {
      expected: "the rate_limits of a rate limit filter's own configuration, also per route",
    })
  }
  if (place === 'filter' && (json.stage !== undefined || json.disableKey !== undefined)) {
    const field = json.stage === undefined ? 'disable_key' : 'stage'
    context.diagnostics.error(path.field(field), `${field} cannot be used in the rate_limits of a filter`, {
      expected: 'limits without stage and disable_key',
    })
  }
}

function limitReader({
  rateLimit,
  dynamicMetadata,
}: OverrideJson): (metadata: Metadata | null) => LimitOverride | null {
  if (rateLimit !== undefined) {
    const limit = { requestsPerUnit: rateLimit.requestsPerUnit ?? 0, unit: rateLimit.unit ?? 'UNKNOWN' }
    return () => limit
  }
  const read = metadataReader(dynamicMetadata?.metadataKey ?? {})
  return metadata => {
    const value = read(metadata) as { requests_per_unit?: unknown; unit?: unknown } | undefined
    if (typeof value !== 'object' || value === null) return null
    const { requests_per_unit: requestsPerUnit, unit } = value
    return typeof requestsPerUnit === 'number' && typeof unit === 'string' ? { requestsPerUnit, unit } : null
  }
}
