import type { TestContext } from 'node:test'
import {
  bootstrap,
  httpListener,
  type ProxyOptions,
  ProxyProcess,
  staticCluster,
  type XdsRequest,
  XdsServer,
} from '../../harness/index.ts'

const HTTP = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** A static cluster that speaks HTTP/2. */
export function serverCluster(port: number, name = 'xds'): object {
  const options = { '@type': HTTP, explicit_http_config: { http2_protocol_options: {} } }
  return staticCluster(name, port, {
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options },
  })
}

export interface ApiOptions {
  readonly type?: 'GRPC' | 'DELTA_GRPC'
  readonly extra?: object
  readonly backOff?: readonly [base: string, max: string]
}

export function grpcSource({ type = 'GRPC', extra = {}, backOff = ['0.02s', '0.1s'] }: ApiOptions = {}): object {
  const [base_interval, max_interval] = backOff
  const envoy_grpc = { cluster_name: 'xds', retry_policy: { retry_back_off: { base_interval, max_interval } } }
  return { api_type: type, transport_api_version: 'V3', grpc_services: [{ envoy_grpc }], ...extra }
}

export const fromAds = (timeout?: string): object => ({
  ads: {},
  resource_api_version: 'V3',
  ...(timeout === undefined ? {} : { initial_fetch_timeout: timeout }),
})

export const fromOwnStream = (options: ApiOptions = {}): object => ({
  api_config_source: grpcSource(options),
  resource_api_version: 'V3',
})

export function edsCluster(name: string, source: object = fromAds(), extra: object = {}): object {
  return { name, type: 'EDS', connect_timeout: '1s', eds_cluster_config: { eds_config: source }, ...extra }
}

/** Routes everything to one cluster. */
export function table(name: string, cluster: string): object {
  const routes = [{ match: { prefix: '/' }, route: { cluster } }]
  return { name, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] }
}

export function rdsListener(port: number, name = 'r', source: object = fromAds()): object {
  return httpListener({
    port,
    hcm: { route_config: undefined, rds: { route_config_name: name, config_source: source } },
  })
}

export interface StartOptions extends ApiOptions {
  readonly dynamic?: object
  readonly listeners?: readonly object[]
  readonly clusters?: readonly object[]
  readonly bootstrap?: object
  readonly proxy?: ProxyOptions
}

/** A proxy that asks `server` over ADS. */
export async function startProxy(t: TestContext, server: XdsServer, options: StartOptions = {}): Promise<ProxyProcess> {
  const dynamic_resources = options.dynamic ?? {
    ads_config: grpcSource(options),
    cds_config: fromAds(),
    lds_config: fromAds(),
  }
  const clusters = [serverCluster(server.port), ...(options.clusters ?? [])]
  const config = bootstrap(options.listeners ?? [], clusters, { dynamic_resources, ...options.bootstrap })
  const proxy = await ProxyProcess.start(config, { concurrency: 2, ...options.proxy })
  t.after(() => proxy[Symbol.asyncDispose]())
  return proxy
}

export async function startServer(t: TestContext): Promise<XdsServer> {
  const server = await XdsServer.start()
  t.after(() => server.kill())
  return server
}

/** 'kind version nonce [names]', with the reason of a refusal. */
export function short({ kind, version, nonce, names, error }: XdsRequest): string {
  const why = error === '' ? '' : ' refused'
  return `${kind} '${version}' '${nonce}' [${names.join(' ')}]${why}`
}
