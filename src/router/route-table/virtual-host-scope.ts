// What the routes of one virtual host have in common while they are compiled.
import type { CompileContext } from '../../config/index.ts'
import type { MutationLevel, RetryPolicyPlan, ShadowPolicyPlan, VirtualHostPlan } from '../../http/index.ts'
import type { ClusterCheck } from './cluster-check.ts'
import type { PlacedPlugin } from './cluster-specifier.ts'
import type { PerFilterConfigs } from './per-filter-config.ts'

/** Settings of the route configuration that reach down to its routes. */
export interface TableScope {
  readonly context: CompileContext
  readonly clusters: ClusterCheck
  readonly mutations: MutationLevel
  readonly mostSpecificWins: boolean
  readonly ignorePathParameters: boolean
  readonly maxDirectResponseBodyBytes: number
  readonly filterConfigs: PerFilterConfigs | null
  /** cluster_specifier_plugins, by name. */
  readonly plugins: ReadonlyMap<string, PlacedPlugin>
  /** For routes without policies of their own: the most specific list wins. */
  readonly shadowPolicies: readonly ShadowPolicyPlan[]
}

export interface VirtualHostScope extends Omit<TableScope, 'mutations'> {
  readonly plan: VirtualHostPlan
  readonly retryPolicy: RetryPolicyPlan | null
  readonly hedgeOnPerTryTimeout: boolean
  /** -1: unset. */
  readonly bufferLimitBytes: number
  /** Of the route configuration and of the virtual host. */
  readonly tableMutations: MutationLevel
  readonly hostMutations: MutationLevel
}
