// HOT FILE (docs/hot-path.md): a CorsPolicy, and what several of them say together.
import type { CorsPolicyJson } from '#api/envoy/extensions/filters/http/cors/v3/cors_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  type StringPredicate,
} from '../../../config/index.ts'
import { RuntimeFraction, type ThreadContext } from '../../../net/index.ts'

declareSupport('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
  supported: [
    'allow_origin_string_match',
    'allow_methods',
    'allow_headers',
    'expose_headers',
    'max_age',
    'allow_credentials',
    'filter_enabled',
    'shadow_enabled',
    'allow_private_network_access',
    'forward_not_matching_preflights',
  ],
})

export class CorsPolicy {
  readonly origins: readonly StringPredicate[]
  readonly methods: string
  readonly headers: string
  readonly exposed: string
  readonly maxAge: string
  /** Null: a less specific policy decides. */
  readonly credentials: boolean | null
  readonly privateNetwork: boolean | null
  readonly forwardsOthers: boolean | null
  private readonly filterEnabled: RuntimeFraction | null
  private readonly shadowEnabled: RuntimeFraction | null

  constructor(json: CorsPolicyJson, context: CompileContext, path: ConfigPath) {
    const at = path.field('allow_origin_string_match')
    this.origins = (json.allowOriginStringMatch ?? []).map((matcher, i) => {
      const matches = compileStringMatcher(matcher, context, at.index(i))
      // As Envoy: a matcher that takes "*" takes every origin.
      return matches('*') ? () => true : matches
    })
    this.methods = toWireText(json.allowMethods ?? '')
    this.headers = toWireText(json.allowHeaders ?? '')
    this.exposed = toWireText(json.exposeHeaders ?? '')
    this.maxAge = toWireText(json.maxAge ?? '')
    this.credentials = json.allowCredentials ?? null
    this.privateNetwork = json.allowPrivateNetworkAccess ?? null
    this.forwardsOthers = json.forwardNotMatchingPreflights ?? null
    this.filterEnabled = json.filterEnabled === undefined ? null : new RuntimeFraction(json.filterEnabled)
    this.shadowEnabled = json.shadowEnabled === undefined ? null : new RuntimeFraction(json.shadowEnabled)
    Object.freeze(this)
  }

  enabled(thread: ThreadContext): boolean {
    return this.filterEnabled === null || this.filterEnabled.enabled(thread)
  }

  shadows(thread: ThreadContext): boolean {
    return this.shadowEnabled?.enabled(thread) === true
  }
}

/** The policies above one route, the least specific first: of each setting the most specific one counts. */
export type CorsPolicies = readonly CorsPolicy[]

export function textOf(policies: CorsPolicies, key: 'methods' | 'headers' | 'exposed' | 'maxAge'): string {
  for (let i = policies.length - 1; i >= 0; i--) if (policies[i]![key] !== '') return policies[i]![key]
  return ''
}

export function flagOf(
  policies: CorsPolicies,
  key: 'credentials' | 'privateNetwork' | 'forwardsOthers',
  otherwise: boolean,
): boolean {
  for (let i = policies.length - 1; i >= 0; i--) {
    const flag = policies[i]![key]
    if (flag !== null) return flag
  }
  return otherwise
}

export function allowsOrigin(policies: CorsPolicies, origin: string): boolean {
  for (let i = policies.length - 1; i >= 0; i--) {
    const { origins } = policies[i]!
    if (origins.length === 0) continue
    for (let o = 0; o < origins.length; o++) if (origins[o]!(origin)) return true
    return false
  }
  return false
}
