// The kinds of resources, and whom each is asked of where there is no ADS.

interface ResourceType {
  readonly service: string
  readonly stream: string
  /** What the delta form is called. */
  readonly delta: string
  /** Behind /v3/discovery:; '': not over REST. */
  readonly rest: string
}

const TYPES: Readonly<Record<string, ResourceType>> = {
  'envoy.config.cluster.v3.Cluster': {
    service: 'envoy.service.cluster.v3.ClusterDiscoveryService',
    stream: 'StreamClusters',
    delta: 'DeltaClusters',
    rest: 'clusters',
  },
  'envoy.config.endpoint.v3.ClusterLoadAssignment': {
    service: 'envoy.service.endpoint.v3.EndpointDiscoveryService',
    stream: 'StreamEndpoints',
    delta: 'DeltaEndpoints',
    rest: 'endpoints',
  },
  'envoy.config.listener.v3.Listener': {
    service: 'envoy.service.listener.v3.ListenerDiscoveryService',
    stream: 'StreamListeners',
    delta: 'DeltaListeners',
    rest: 'listeners',
  },
  'envoy.config.route.v3.RouteConfiguration': {
    service: 'envoy.service.route.v3.RouteDiscoveryService',
    stream: 'StreamRoutes',
    delta: 'DeltaRoutes',
    rest: 'routes',
  },
  'envoy.extensions.transport_sockets.tls.v3.Secret': {
    service: 'envoy.service.secret.v3.SecretDiscoveryService',
    stream: 'StreamSecrets',
    delta: 'DeltaSecrets',
    rest: 'secrets',
  },
  'envoy.service.runtime.v3.Runtime': {
    service: 'envoy.service.runtime.v3.RuntimeDiscoveryService',
    stream: 'StreamRuntime',
    delta: 'DeltaRuntime',
    rest: 'runtime',
  },
}

const ADS = 'envoy.service.discovery.v3.AggregatedDiscoveryService'
const URL_PREFIX = 'type.googleapis.com/'

export const adsMethod = (delta: boolean): string =>
  `/${ADS}/${delta ? 'DeltaAggregatedResources' : 'StreamAggregatedResources'}`

export function methodOf(typeName: string, delta: boolean): string {
  const { service, stream, delta: deltaName } = TYPES[typeName] as ResourceType
  return `/${service}/${delta ? deltaName : stream}`
}

export const restPathOf = (typeName: string): string => `/v3/discovery:${(TYPES[typeName] as ResourceType).rest}`

export const typeUrlOf = (typeName: string): string => URL_PREFIX + typeName

/** Where a resource of any of these kinds has its name. */
export function resourceName(resource: object): string {
  const { name, clusterName } = resource as { readonly name?: string; readonly clusterName?: string }
  return name ?? clusterName ?? ''
}
