import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'

/** Finds the hosts of one cluster at run time. */
export interface HostDiscovery {
  start(): void
  stop(): void
  /** The hosts at the moment, every address resolved. */
  assignment(): ClusterLoadAssignmentJson
}
