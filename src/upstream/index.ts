export * from './async-client/index.ts'
export type * from './balancer-plan.ts'
export { Cluster } from './cluster.ts'
export { ClusterDirectory, type ClusterDirectoryOptions } from './cluster-directory.ts'
export { ClusterManager, type ClusterUpdate, type SharedBytes, type UpstreamThread } from './cluster-manager.ts'
export type { Member } from './cluster-members.ts'
export type * from './cluster-plan.ts'
export type { ClusterStatus, HostStatus } from './cluster-status.ts'
export { compileAssignment } from './compile/assignment.ts'
export { compileCluster } from './compile/compile-cluster.ts'
export * from './connection-pool/index.ts'
export type { Schedule } from './dns/dns-target.ts'
export { CaresResolver, type DnsResolverFactory } from './dns/node-resolver.ts'
export type { DnsAnswer, DnsRecord, DnsResolver } from './dns/resolver.ts'
export type * from './explain/explain-balancing.ts'
export * from './health.ts'
export type * from './health-check/checker.ts'
export type { HealthCheckEventSink, HealthCheckEventSinkPlan } from './health-check/health-check-plan.ts'
export {
  type DrainableHostPools,
  type EndpointHealthCheck,
  type EndpointPlan,
  Host,
  HostKeys,
  type Locality,
} from './host.ts'
export type { HostCellsReport } from './host-cells.ts'
export type { HostEvent, HostReports } from './host-monitor.ts'
export { HOST_ROW_CELLS, ROW_HEALTH_FLAGS } from './host-rows.ts'
export type { HostSet } from './host-set/host-set.ts'
export { loadAvoiding, type PriorityLoad } from './host-set/priority-load.ts'
export { type LimitsLocation, LimitsMemory } from './limits-memory.ts'
export { type LoadBalancer, LoadBalancerContext } from './load-balancer/load-balancer.ts'
export type { OutlierCellsReport } from './outlier-detection/cells.ts'
export type { OutlierEventLog } from './outlier-detection/events.ts'
export * from './outlier-detection/latency/latency-plan.ts'
export * from './resource-limits.ts'
export { CodeFamily, ResponseCodeStats } from './response-code-stats.ts'
export * from './stats.ts'
