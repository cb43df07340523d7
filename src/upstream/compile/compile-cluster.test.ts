import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { compileForTest, endpointJson } from '../testing.ts'

const HTTP = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'

const ZONES = {
  kind: 'zone_aware',
  routingEnabled: 100,
  minClusterSize: 6,
  failTrafficOnPanic: false,
  forceLocalMinSize: null,
  byWeight: false,
}

const plan = (json: object) => {
  const { plan: compiled, problems } = compileForTest(json as ClusterJson)
  assert.deepEqual(problems, [])
  return compiled
}
const problems = (json: object) => compileForTest(json as ClusterJson).problems
const named = (host: string) => ({ endpoint: { address: { socketAddress: { address: host, portValue: 80 } } } })
const assigned = (...lbEndpoints: object[]) => ({ endpoints: [{ lbEndpoints }] })

test('defaults are those of Envoy', () => {
  const compiled = plan({ name: 'a:b', loadAssignment: assigned(endpointJson(80)) })
  assert.equal(compiled.observabilityName, 'a:b')
  assert.equal(compiled.discovery, 'STATIC')
  assert.equal(compiled.connectTimeoutMs, 5000)
  assert.equal(compiled.perConnectionBufferLimitBytes, 1_048_576)
  assert.equal(compiled.idleTimeoutMs, 3_600_000)
  assert.equal(compiled.maxConnectionDurationMs, 0)
  assert.equal(compiled.maxRequestsPerConnection, 0)
  assert.equal(compiled.healthyPanicThreshold, 50)
  assert.deepEqual(compiled.balancer, { kind: 'round_robin', slowStart: null, locality: ZONES })
  assert.deepEqual(compiled.limits[0].max, [1024, 1024, 1024, 3])
  assert.equal(compiled.dns, null)
  assert.deepEqual(compiled.connectOptions, {})
  assert.equal(compiled.http1.limits.maxBytes, 80 * 1024)
  assert.ok(Object.isFrozen(compiled))
})

test('HTTP options: the extension, or the deprecated fields', () => {
  const common = { idleTimeout: '2s', maxConnectionDuration: '3s', maxHeadersCount: 7, maxRequestsPerConnection: 9 }
  const expect = (json: object): void => {
    const compiled = plan({ name: 'c', ...json })
    assert.equal(compiled.idleTimeoutMs, 2000)
    assert.equal(compiled.maxConnectionDurationMs, 3000)
    assert.equal(compiled.maxRequestsPerConnection, 9)
    assert.equal(compiled.http1.limits.maxCount, 7)
    assert.equal(compiled.http1.enableTrailers, true)
  }
  const http1 = { enableTrailers: true }
  expect({ commonHttpProtocolOptions: common, httpProtocolOptions: http1 })
  const typed = {
    '@type': `type.googleapis.com/${HTTP}`,
    commonHttpProtocolOptions: { ...common, maxResponseHeadersKb: 5 },
    explicitHttpConfig: { httpProtocolOptions: http1 },
  }
  expect({ typedExtensionProtocolOptions: { [HTTP]: typed } })
  const beside = { typedExtensionProtocolOptions: { [HTTP]: typed }, maxRequestsPerConnection: 3 }
  assert.match(problems({ name: 'c', ...beside })[0] as string, /^max_requests_per_connection: stands beside/)
  const other = { name: 'c', typedExtensionProtocolOptions: { x: { '@type': 'type.googleapis.com/a.v1.B' } } }
  assert.match(problems(other)[0] as string, /no protocol options of type a.v1.B/)
})

test('circuit breakers: by priority, the first of each counts', () => {
  const { limits } = plan({
    name: 'c',
    circuitBreakers: {
      thresholds: [
        { maxRequests: 1 },
        { priority: 'DEFAULT', maxRequests: 2 },
        {
          priority: 'HIGH',
          maxRetries: 0,
          retryBudget: { budgetPercent: {}, minRetryConcurrency: 1 },
          trackRemaining: true,
        },
      ],
    },
  })
  assert.deepEqual(limits[0].max, [1024, 1024, 1, 3])
  assert.deepEqual(limits[1].max, [1024, 1024, 1024, 0])
  assert.deepEqual(limits[1].retryBudget, { percent: 0, minRetryConcurrency: 1, intervalMs: 0 })
  assert.deepEqual([limits[0].trackRemaining, limits[1].trackRemaining], [false, true])
})

test('balancing policies in both forms', () => {
  const policy = (type: string, config: object = {}) =>
    plan({
      name: 'c',
      lbPolicy: 'LOAD_BALANCING_POLICY_CONFIG',
      loadBalancingPolicy: {
        policies: [
          { typedExtensionConfig: { name: 'unknown', typedConfig: { '@type': 'type.googleapis.com/x.v1.Y' } } },
          { typedExtensionConfig: { name: 'p', typedConfig: { '@type': `${POLICIES}.${type}`, ...config } } },
        ],
      },
    })
  const bias = { defaultValue: 0.5, runtimeKey: 'k' }
  const least = {
    kind: 'least_request',
    choiceCount: 3,
    fullScan: false,
    activeRequestBias: 0.5,
    activeRequestBiasKey: 'k',
    slowStart: null,
    locality: ZONES,
  }
  const fields = { choiceCount: 3, activeRequestBias: bias }
  assert.deepEqual(plan({ name: 'c', lbPolicy: 'LEAST_REQUEST', leastRequestLbConfig: fields }).balancer, least)
  assert.deepEqual(policy('least_request.v3.LeastRequest', fields).balancer, least)
  const scan = policy('least_request.v3.LeastRequest', { selectionMethod: 'FULL_SCAN' }).balancer
  assert.equal(scan.kind === 'least_request' && scan.fullScan, true)
  assert.equal(plan({ name: 'c', lbPolicy: 'RANDOM' }).balancer.kind, 'random')
  const weighted = { localityLbConfig: { localityWeightedLbConfig: {} } }
  assert.deepEqual(policy('random.v3.Random', weighted).balancer, { kind: 'random', locality: { kind: 'weighted' } })
  const ring = { minimumRingSize: '10', maximumRingSize: '20', hashFunction: 'MURMUR_HASH_2' }
  const ringPlan = {
    kind: 'ring_hash',
    hashFunction: 'MURMUR_HASH_2',
    minimumRingSize: 10,
    maximumRingSize: 20,
    useHostname: false,
    hashBalanceFactor: 0,
    localityWeighted: false,
  }
  assert.deepEqual(plan({ name: 'c', lbPolicy: 'RING_HASH', ringHashLbConfig: ring }).balancer, ringPlan)
  assert.deepEqual(policy('ring_hash.v3.RingHash', ring).balancer, ringPlan)
  const hashing = { useHostname: true, hashBalanceFactor: 0, localityWeighted: false }
  const table = { kind: 'maglev', tableSize: 65537, ...hashing }
  const hostname = { consistentHashingLbConfig: { useHostnameForHashing: true } }
  assert.deepEqual(policy('maglev.v3.Maglev', hostname).balancer, table)
  assert.deepEqual(plan({ name: 'c', lbPolicy: 'MAGLEV', commonLbConfig: hostname }).balancer, table)
})

const aggregate = (clusters: string[]) => ({
  lbPolicy: 'CLUSTER_PROVIDED',
  clusterType: {
    name: 'envoy.clusters.aggregate',
    typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig', clusters },
  },
})
const RANDOM = {
  policies: [{ typedExtensionConfig: { name: 'r', typedConfig: { '@type': `${POLICIES}.random.v3.Random` } } }],
}

test('what cannot work is said, with its place', () => {
  const cases: [object, RegExp][] = [
    [{ loadAssignment: assigned(named('web')) }, /address: 'web' is not an IP address/],
    [
      { loadAssignment: assigned({ endpoint: {} }) },
      /lb_endpoints\[0\]\.endpoint\.address: an endpoint needs an address/,
    ],
    [{ type: 'LOGICAL_DNS', loadAssignment: assigned(named('a'), named('b')) }, /^load_assignment: .*exactly one/],
    [{ type: 'STRICT_DNS', loadAssignment: assigned({ endpoint: { address: { pipe: { path: '/x' } } } }) }, /pipe: /],
    [{ lbPolicy: 'MAGLEV', maglevLbConfig: { tableSize: '100' } }, /table_size: .*prime/],
    [{ lbPolicy: 'RING_HASH', ringHashLbConfig: { minimumRingSize: '9', maximumRingSize: '8' } }, /minimum_ring_size/],
    [{ commonHttpProtocolOptions: { maxStreamDuration: '1s' } }, /^common_http_protocol_options.max_stream_duration: /],
    [{ lbPolicy: 'LOAD_BALANCING_POLICY_CONFIG' }, /^lb_policy: /],
    [{ lbPolicy: 'CLUSTER_PROVIDED' }, /^lb_policy: .*no policy of its own/],
    [aggregate(['c']), /clusters\[0\]: a cluster cannot consist of itself/],
    [{ ...aggregate(['x']), lbPolicy: 'RANDOM' }, /^lb_policy: .*CLUSTER_PROVIDED only/],
    [{ lbPolicy: 'RANDOM', ringHashLbConfig: {} }, /^ring_hash_lb_config: has no effect/],
    [{ loadBalancingPolicy: RANDOM, lbSubsetConfig: { subsetSelectors: [] } }, /^lb_subset_config: belongs/],
    [{ loadBalancingPolicy: RANDOM, commonLbConfig: { zoneAwareLbConfig: {} } }, /zone_aware_lb_config: belongs/],
    [{ loadBalancingPolicy: { policies: [] } }, /^load_balancing_policy.policies: /],
    [{ upstreamBindConfig: { sourceAddress: { address: '10.0.0.1', portValue: 7 } } }, /source_address.port_value/],
    [{ clusterType: { name: 'x', typedConfig: { '@type': 'type.googleapis.com/x.v1.Y' } } }, /no cluster type reads/],
    [
      { type: 'STRICT_DNS', dnsFailureRefreshRate: { baseInterval: '2s', maxInterval: '1s' } },
      /dns_failure_refresh_rate.max_interval: is below/,
    ],
  ]
  for (const [json, pattern] of cases) {
    const found = problems({ name: 'c', ...json })
    assert.equal(found.length, 1, JSON.stringify(json) + found.join())
    assert.match(found[0] as string, pattern)
  }
})

test('DNS: fields of the cluster, and a DnsCluster', () => {
  const resolver = {
    name: 'r',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      resolvers: [{ socketAddress: { address: '::1', portValue: 5353 } }],
      queryTimeoutSeconds: '2',
      queryTries: 3,
    },
  }
  const fields = {
    dnsRefreshRate: '0.3s',
    dnsFailureRefreshRate: { baseInterval: '1s' },
    respectDnsTtl: true,
    dnsJitter: '0.1s',
    dnsLookupFamily: 'V4_ONLY',
    typedDnsResolverConfig: resolver,
  }
  const expected = {
    lookupFamily: 'V4_ONLY',
    refreshRateMs: 300,
    minRefreshRateMs: 0,
    respectTtl: true,
    jitterMs: 100,
    failureBaseMs: 1000,
    failureMaxMs: 10_000,
    failureBackOff: true,
    resolver: { kind: 'cares', servers: ['[::1]:5353'], tryMs: 2000, tries: 3 },
  }
  const loadAssignment = assigned(named('web'))
  assert.deepEqual(plan({ name: 'c', type: 'STRICT_DNS', loadAssignment, ...fields }).dns, expected)
  const typedConfig = {
    '@type': 'type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster',
    ...fields,
    allAddressesInSingleEndpoint: true,
    dnsMinRefreshRate: '2s',
  }
  const custom = plan({ name: 'c', clusterType: { name: 'envoy.cluster.dns', typedConfig }, loadAssignment })
  assert.equal(custom.discovery, 'LOGICAL_DNS')
  assert.deepEqual(custom.dns, { ...expected, minRefreshRateMs: 2000 })
  const defaults = plan({ name: 'c', type: 'LOGICAL_DNS', loadAssignment }).dns
  assert.deepEqual([defaults?.refreshRateMs, defaults?.lookupFamily, defaults?.failureBackOff], [5000, 'AUTO', false])
})

test('source address and keep-alive become connect options', () => {
  const compiled = plan({
    name: 'c',
    upstreamBindConfig: { sourceAddress: { address: '127.0.0.9', portValue: 0 } },
    upstreamConnectionOptions: { tcpKeepalive: { keepaliveTime: 30 } },
  })
  assert.deepEqual(compiled.connectOptions, {
    localAddress: '127.0.0.9',
    keepalive: { idleS: 30, intervalS: 75, probes: 9 },
  })
})
