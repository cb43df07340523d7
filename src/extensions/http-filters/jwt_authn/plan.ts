import type {
  FilterStateRuleJson,
  JwtAuthenticationJson,
  PerRouteConfigJson,
} from '#api/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts'
import { type CompileContext, type ConfigPath, nearestName } from '../../../config/index.ts'
import { type StatBlock, type StreamInfo, statTemplate } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import { Provider } from './provider.ts'
import { compileRequirement, type Requirement } from './requirement.ts'
import { compileRuleMatch, type RuleMatch } from './rule-match.ts'
import { type SharedLocation, sharedLocations } from './token-location.ts'

export const JWT_STATS = statTemplate({
  counters: [
    'allowed',
    'denied',
    'cors_preflight_bypassed',
    'jwks_fetch_success',
    'jwks_fetch_failed',
    'jwt_cache_hit',
    'jwt_cache_miss',
  ],
})

interface StateRules {
  readonly key: string
  readonly requirements: ReadonlyMap<string, Requirement>
}

export interface RoutePlan {
  readonly disabled: boolean
  readonly requirementName: string
}

interface Rule {
  readonly matches: RuleMatch
  /** Null: nothing is required. */
  readonly requirement: Requirement | null
}

export class JwtPlan {
  readonly providers: ReadonlyMap<string, Provider>
  /** Null: there are several. */
  readonly onlyProvider: Provider | null
  /** All places of tokens. */
  readonly locations: readonly SharedLocation[]
  readonly named: ReadonlyMap<string, Requirement>
  readonly bypassCorsPreflight: boolean
  readonly stripFailureResponse: boolean
  stats!: StatBlock
  private readonly rules: readonly Rule[]
  private readonly stateRules: StateRules | null
  private readonly providersByIssuer: ReadonlyMap<string, Provider>
  private readonly statPrefix: string

  constructor(json: JwtAuthenticationJson, context: CompileContext, path: ConfigPath) {
    this.providers = new Map(
      Object.entries(json.providers ?? {}).map(([name, provider]) => [
        name,
        new Provider(name, provider, context, path.field('providers').key(name)),
      ]),
    )
    const list = [...this.providers.values()]
    this.onlyProvider = list.length === 1 ? list[0]! : null
    this.locations = sharedLocations(list)
    // The first of an issuer is the one that is asked.
    this.providersByIssuer = new Map(list.toReversed().map(provider => [provider.issuer, provider]))
    this.named = new Map(
      Object.entries(json.requirementMap ?? {}).map(([name, requirement]) => [
        name,
        compileRequirement(requirement, this.providers, context, path.field('requirement_map').key(name)),
      ]),
    )
    this.rules = (json.rules ?? []).map((rule, i) => this.compileRule(rule, context, path.field('rules').index(i)))
    this.stateRules = this.compileStateRules(json.filterStateRules, context, path.field('filter_state_rules'))
    this.bypassCorsPreflight = json.bypassCorsPreflight === true
    this.stripFailureResponse = json.stripFailureResponse === true
    this.statPrefix = json.statPrefix === undefined || json.statPrefix === '' ? '' : `${json.statPrefix}.`
  }

  private compileRule(
    json: NonNullable<JwtAuthenticationJson['rules']>[number],
    context: CompileContext,
    path: ConfigPath,
  ): Rule {
    const matches = compileRuleMatch(json.match ?? {}, context, path.field('match'))
    if (json.requires !== undefined) {
      const at = path.field('requires')
      return { matches, requirement: compileRequirement(json.requires, this.providers, context, at) }
    }
    if (json.requirementName === undefined) return { matches, requirement: null }
    const requirement = this.named.get(json.requirementName)
    if (requirement === undefined) {
      const suggestion = nearestName(json.requirementName, this.named.keys())
      context.diagnostics.error(path.field('requirement_name'), `unknown requirement ${json.requirementName}`, {
        expected: 'a name of requirement_map',
        found: json.requirementName,
        ...(suggestion === undefined ? {} : { suggestion }),
      })
    }
    return { matches, requirement: requirement ?? null }
  }

  private compileStateRules(
    json: FilterStateRuleJson | undefined,
    context: CompileContext,
    path: ConfigPath,
  ): StateRules | null {
    if (json === undefined) return null
    const { name = '', requires = {} } = json
    const requirements = Object.entries(requires).map(
      ([value, one]) =>
        [value, compileRequirement(one, this.providers, context, path.field('requires').key(value))] as const,
    )
    return { key: name, requirements: new Map(requirements) }
  }

  start(thread: UpstreamThread, prefix: string): void {
    const block = thread.stats.block(`${prefix}jwt_authn.${this.statPrefix}`, JWT_STATS)
    this.stats = block
    const fetches = {
      block,
      success: JWT_STATS.slot('jwks_fetch_success'),
      failed: JWT_STATS.slot('jwks_fetch_failed'),
    }
    for (const provider of this.providers.values()) provider.jwks.start(thread, fetches)
  }

  /** That of the first rule that matches, else by filter state; null: nothing is required. */
  requirementFor(headers: Parameters<RuleMatch>[0], { filterState }: StreamInfo): Requirement | null {
    for (const { matches, requirement } of this.rules) if (matches(headers)) return requirement
    if (this.stateRules === null || filterState === null) return null
    const { key, requirements } = this.stateRules
    return requirements.get(String(filterState.get(key))) ?? null
  }

  providerOf(issuer: string): Provider | undefined {
    return this.providersByIssuer.get(issuer) ?? this.providersByIssuer.get('')
  }
}

export function compileRoutePlan({ disabled, requirementName = '' }: PerRouteConfigJson): RoutePlan {
  return { disabled: disabled === true, requirementName }
}
