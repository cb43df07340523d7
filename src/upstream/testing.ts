// Test kit: plans and hosts as a configuration would give them, with chosen randomness.

import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../config/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { ipAddress } from '../net/index.ts'
import { testThread } from '../net/testing.ts'
import { Cluster } from './cluster.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import { compileCluster } from './compile/compile-cluster.ts'
import { edsHealthFlags } from './health.ts'
import { Host } from './host.ts'
import { HostCellMemory } from './host-cells.ts'
import { LimitsMemory } from './limits-memory.ts'

export interface TestContext extends CompileContext {
  readonly diagnostics: Diagnostics
}

export function testContext(): TestContext {
  return {
    diagnostics: new Diagnostics(),
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: () => Buffer.alloc(0),
  }
}

/** Compiles and returns the messages of the diagnostics, '<path>: <message>' each. */
export function compileForTest(json: ClusterJson): { plan: ClusterPlan; problems: string[] } {
  const context = testContext()
  const plan = compileCluster(json, context, ConfigPath.root)
  return { plan, problems: context.diagnostics.list.map(({ path, message }) => `${path}: ${message}`) }
}

/** Uniform in [0, 1), the same sequence for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const NOWHERE = { region: '', zone: '', subZone: '' }

export interface TestHost {
  readonly address?: string
  readonly port?: number
  readonly weight?: number
  readonly health?: 'HEALTHY' | 'UNHEALTHY' | 'DEGRADED' | 'DRAINING' | 'TIMEOUT'
  readonly hostname?: string
  readonly metadata?: Record<string, object>
}

export function testHost(options: TestHost = {}): Host {
  const endpoint = {
    address: ipAddress(options.address ?? '127.0.0.1', options.port ?? 80),
    hostname: options.hostname ?? '',
    weight: options.weight ?? 1,
    healthFlags: edsHealthFlags(options.health),
    canary: false,
    metadata: options.metadata ?? null,
  }
  return new Host(endpoint.address.toString(), endpoint, NOWHERE, 0, new Float64Array(9))
}

export function endpointJson(port: number, extra: object = {}): object {
  return { endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } }, ...extra }
}

export function testCluster(json: ClusterJson, thread: ThreadContext = testThread()): Cluster {
  const { plan, problems } = compileForTest(json)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const memory = new HostCellMemory(0, () => undefined)
  return new Cluster(plan, new LimitsMemory(2).allot(), thread, memory)
}

/** `count` picks, counted by host port. */
export function countPicks(cluster: Cluster, count: number): Record<string, number> {
  const picks: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const port = String(cluster.loadBalancer.chooseHost(null)?.address.port ?? 'none')
    picks[port] = (picks[port] ?? 0) + 1
  }
  return picks
}
