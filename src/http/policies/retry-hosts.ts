// Which hosts and priorities a retry leaves out: retry_host_predicate and retry_priority.
import type { RetryPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { OmitHostMetadataConfigJson } from '#api/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.ts'
import type { PreviousPrioritiesConfigJson } from '#api/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../../config/index.ts'
import type { HostPredicate } from '../route.ts'

const HOST = 'envoy.extensions.retry.host'
const PREVIOUS_HOSTS = `${HOST}.previous_hosts.v3.PreviousHostsPredicate`
const OMIT_CANARY = `${HOST}.omit_canary_hosts.v3.OmitCanaryHostsPredicate`
const OMIT_METADATA = `${HOST}.omit_host_metadata.v3.OmitHostMetadataConfig`
const PREVIOUS_PRIORITIES = 'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig'

declareSupport('envoy.config.route.v3.RetryPolicy.RetryHostPredicate', { supported: ['name', 'typed_config'] })
declareSupport('envoy.config.route.v3.RetryPolicy.RetryPriority', { supported: ['name', 'typed_config'] })
declareSupport(PREVIOUS_HOSTS, { supported: [] })
declareSupport(OMIT_CANARY, { supported: [] })
declareSupport(OMIT_METADATA, { supported: ['metadata_match'] })
declareSupport(PREVIOUS_PRIORITIES, { supported: ['update_frequency'] })

const PREDICATES: Readonly<Record<string, (config: object) => HostPredicate>> = {
  [PREVIOUS_HOSTS]: () => (host, tried) => tried.includes(host),
  [OMIT_CANARY]: () => host => host.canary,
  [OMIT_METADATA]: config => omitMetadata(config as OmitHostMetadataConfigJson),
}

/** Rejects hosts that have every value of `metadata_match` under envoy.lb; without values it rejects nobody. */
function omitMetadata(config: OmitHostMetadataConfigJson): HostPredicate {
  const wanted = Object.entries((config.metadataMatch?.filterMetadata?.['envoy.lb'] ?? {}) as Record<string, unknown>)
  const texts = wanted.map(([key, value]) => [key, JSON.stringify(value)] as const)
  return host => {
    if (texts.length === 0) return false
    const own = (host.metadata?.['envoy.lb'] ?? {}) as Readonly<Record<string, unknown>>
    return texts.every(([key, text]) => JSON.stringify(own[key]) === text)
  }
}

export function compileHostPredicates(
  policy: RetryPolicyJson,
  context: CompileContext,
  path: ConfigPath,
): readonly HostPredicate[] {
  return (policy.retryHostPredicate ?? []).flatMap((predicate, index) => {
    const config = (predicate.typedConfig ?? {}) as { '@type'?: string }
    const make = PREDICATES[typeName(config)]
    if (make !== undefined) return [make(config)]
    context.diagnostics.error(path.index(index).field('typed_config'), 'unknown retry host predicate', {
      expected: Object.keys(PREDICATES).join(', '),
      found: typeName(config),
      code: 'unknown-extension',
    })
    return []
  })
}

/** The update frequency of previous_priorities; 0: retries go by the usual load. */
export function compileRetryPriority(policy: RetryPolicyJson, context: CompileContext, path: ConfigPath): number {
  const { retryPriority } = policy
  if (retryPriority === undefined) return 0
  const config = (retryPriority.typedConfig ?? {}) as PreviousPrioritiesConfigJson & { '@type'?: string }
  if (typeName(config) === PREVIOUS_PRIORITIES) return config.updateFrequency ?? 1
  context.diagnostics.error(path.field('typed_config'), 'unknown retry priority', {
    expected: PREVIOUS_PRIORITIES,
    found: typeName(config),
    code: 'unknown-extension',
  })
  return 0
}
