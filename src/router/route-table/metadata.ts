// core.v3.Metadata as routes carry it.
import type { MetadataJson } from '#api/envoy/config/core/v3/base_pb.ts'

/** What subset load balancing compares with the metadata of hosts; null when there is nothing to compare. */
export function lbMetadata(metadata: MetadataJson | undefined): object | null {
  return metadata?.filterMetadata?.['envoy.lb'] ?? null
}

/** The weighted cluster's fields win over the route's. */
export function mergeLbMetadata(route: object | null, cluster: object | null): object | null {
  if (route === null || cluster === null) return cluster ?? route
  return { ...route, ...cluster }
}
