// ns and bytes per choice of a host, and ms for a new snapshot of the hosts, with 10 and 10,000 hosts.
// Run: node scripts/run.mjs bench/load-balancers.ts
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { type Cluster, LoadBalancerContext } from '../src/upstream/index.ts'
import { endpointJson, testCluster } from '../src/upstream/testing.ts'

const ROUNDS = 1_000_000
const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'

const typed = (type: string, config: object = {}) => ({
  loadBalancingPolicy: {
    policies: [{ typedExtensionConfig: { name: 'p', typedConfig: { '@type': `${POLICIES}.${type}`, ...config } } }],
  },
})

/** A hash that is there already: what computes it is not the balancer. */
class Hashed extends LoadBalancerContext {
  value = 0n

  override get hash(): bigint | null {
    return this.value
  }
}

class Prod extends LoadBalancerContext {
  private readonly wanted = { stage: 'prod' }

  override get metadataMatch(): object | null {
    return this.wanted
  }
}

type Weight = (index: number) => number

function cluster(hosts: number, policy: object, weight: Weight): Cluster {
  const lbEndpoints = Array.from({ length: hosts }, (_, index) =>
    endpointJson(index % 60_000, {
      endpoint: {
        address: { socketAddress: { address: `10.0.${index >> 8}.${index & 255}`, portValue: 80 } },
      },
      loadBalancingWeight: weight(index),
      metadata: { filterMetadata: { 'envoy.lb': { stage: index % 4 === 0 ? 'prod' : 'dev' } } },
    }),
  )
  const json = { name: 'c', loadAssignment: { endpoints: [{ lbEndpoints }] }, ...policy }
  return testCluster(json as unknown as ClusterJson)
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number

function picks(target: Cluster, context: LoadBalancerContext | null, hashes: readonly bigint[]): number {
  const from = performance.now()
  for (let i = 0; i < ROUNDS; i++) {
    if (context instanceof Hashed) context.value = hashes[i & 1023] as bigint
    if (target.chooseHost(context) === null) throw new Error('no host')
  }
  return ((performance.now() - from) * 1e6) / ROUNDS
}

function measure(name: string, policy: object, weight: Weight = () => 1, context: LoadBalancerContext | null = null) {
  const hashes = Array.from(
    { length: 1024 },
    (_, i) => (BigInt(i + 1) * 0x9e37_79b9_7f4a_7c15n) & 0xffff_ffff_ffff_ffffn,
  )
  const cells = [10, 10_000].map(hosts => {
    const target = cluster(hosts, policy, weight)
    const renew = (): number => {
      const fresh = cluster(hosts, policy, weight)
      const from = performance.now()
      fresh.chooseHost(context)
      return performance.now() - from
    }
    const renewMs = median(Array.from({ length: 5 }, renew))
    picks(target, context, hashes)
    const before = process.memoryUsage().heapUsed
    const ns = median(Array.from({ length: 5 }, () => picks(target, context, hashes)))
    const bytes = Math.max(0, process.memoryUsage().heapUsed - before) / (5 * ROUNDS)
    return `${ns.toFixed(0).padStart(5)} ns ${bytes.toFixed(1).padStart(5)} B ${renewMs.toFixed(2).padStart(7)} ms`
  })
  console.log(`${name.padEnd(30)} ${cells.join('   ')}`)
}

console.log(`${''.padEnd(30)} 10 hosts: choice, bytes, new    10,000 hosts: choice, bytes, new snapshot`)
measure('round robin', {})
measure('round robin, weights 1 to 8', {}, index => 1 + (index & 7))
measure('least request', { lbPolicy: 'LEAST_REQUEST' })
measure('least request, weights 1 to 8', { lbPolicy: 'LEAST_REQUEST' }, index => 1 + (index & 7))
measure('random', { lbPolicy: 'RANDOM' })
measure('peak EWMA', typed('peak_ewma.v3alpha.PeakEwma'))
measure('ring hash', { lbPolicy: 'RING_HASH' }, undefined, new Hashed())
measure('maglev', { lbPolicy: 'MAGLEV' }, undefined, new Hashed())
measure('subset of round robin', { lbSubsetConfig: { subsetSelectors: [{ keys: ['stage'] }] } }, undefined, new Prod())
