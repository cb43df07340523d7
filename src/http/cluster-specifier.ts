// The contract of cluster specifier plugins that are extensions (Envoy: router::ClusterSpecifierPlugin).
import type { StreamInfo } from '../observability/index.ts'
import type { HeaderMap } from './headers.ts'

export const CLUSTER_SPECIFIER_CATEGORY = 'envoy.router.cluster_specifier_plugin'

/** Names the cluster of a request when its route is found. */
export interface ClusterSpecifier {
  /** '': there is none for it. Synchronous; `headers` are not to be changed. */
  clusterOf(headers: HeaderMap, info: StreamInfo): string
}
