// Test kit: plans and hosts as a configuration would give them, with chosen randomness.
import { serialize } from 'node:v8'
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  ExtensionRegistry,
  runtimeSnapshot,
  type Subscriptions,
} from '../config/index.ts'
import type { ThreadContext } from '../net/index.ts'
import { ipAddress } from '../net/index.ts'
import { testThread } from '../net/testing.ts'
import { Cluster } from './cluster.ts'
import type { ClusterUpdate } from './cluster-manager.ts'
import { ClusterMembers } from './cluster-members.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import { compileAssignment } from './compile/assignment.ts'
import { compileCluster } from './compile/compile-cluster.ts'
import { DnsCacheView } from './dns-cache/dns-cache-view.ts'
import { edsHealthFlags } from './health.ts'
import { Host, type Locality } from './host.ts'
import { HostCellMemory } from './host-cells.ts'
import type { HostReports } from './host-monitor.ts'
import { HOST_ROW_CELLS, HostRowAllotment, ROW_HEALTH_FLAGS } from './host-rows.ts'
import { LimitsMemory } from './limits-memory.ts'
import { shareHosts } from './shared-hosts.ts'
import { HOST_CELLS } from './stats.ts'

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
  readonly locality?: Locality
  /** Since when it is healthy. */
  readonly sinceMs?: number
}

export function testHost(options: TestHost = {}): Host {
  const endpoint = {
    address: ipAddress(options.address ?? '127.0.0.1', options.port ?? 80),
    additionalAddresses: [],
    hostname: options.hostname ?? '',
    weight: options.weight ?? 1,
    healthFlags: edsHealthFlags(options.health),
    canary: false,
    metadata: options.metadata ?? null,
    healthCheck: null,
  }
  const row = new Int32Array(HOST_ROW_CELLS)
  row[ROW_HEALTH_FLAGS] = endpoint.healthFlags
  const locality = options.locality ?? NOWHERE
  return new Host(
    'c',
    endpoint.address.toString(),
    endpoint,
    locality,
    0,
    new Float64Array(HOST_CELLS),
    row,
    options.sinceMs ?? 0,
  )
}

export function endpointJson(port: number, extra: object = {}): object {
  return { endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } }, ...extra }
}

export function testCluster(json: ClusterJson, thread: ThreadContext = testThread()): Cluster {
  const { plan, problems } = compileForTest(json)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const memory = new HostCellMemory(0, () => undefined)
  const allotment = new HostRowAllotment(() => undefined)
  const members = new ClusterMembers(allotment)
  members.update(plan.assignment)
  const surroundings = {
    thread,
    memory,
    rows: allotment.rows,
    monitors: null,
    find: () => undefined,
    dnsCache: () => new DnsCacheView('none', thread, () => undefined),
    localCluster: undefined,
    onRenewed: () => undefined,
  }
  return new Cluster(plan, new LimitsMemory(2).allot(), surroundings, members.rowNumbers())
}

/** Nobody hears what a worker sees of its hosts. */
export const NO_REPORTS: HostReports = {
  onHostEvent: () => undefined,
  onOutlierCells: () => undefined,
  onDnsCacheRequest: () => undefined,
}

/** Main as a worker under test hears it: clusters, and the hosts of those that discover them. */
export class TestMain {
  private readonly apply: (update: ClusterUpdate) => unknown
  private readonly limits = new LimitsMemory(1)
  private readonly rows: HostRowAllotment
  private readonly members = new Map<string, ClusterMembers>()

  constructor(apply: (update: ClusterUpdate) => unknown) {
    this.apply = apply
    this.rows = new HostRowAllotment((index, memory) => apply({ kind: 'host_rows', name: '', index, memory }))
  }

  addCluster(json: ClusterJson): void {
    const name = json.name ?? ''
    const bytes = serialize(json)
    const memory = new SharedArrayBuffer(bytes.length + 3)
    new Uint8Array(memory).set(bytes, 3)
    const members = new ClusterMembers(this.rows)
    this.members.set(name, members)
    const isStatic = json.type === undefined || json.type === 'STATIC'
    if (isStatic) members.update(compileAssignment(json.loadAssignment))
    this.apply({
      kind: 'cluster',
      name,
      resource: { memory, offset: 3, length: bytes.length },
      limits: this.limits.allot(),
      rows: isStatic ? members.rowNumbers() : null,
    })
  }

  /** What the worker answers: a promise when it takes longer. */
  setHosts(name: string, assignment: ClusterLoadAssignmentJson): unknown {
    const members = this.members.get(name) ?? new ClusterMembers(this.rows)
    members.update(compileAssignment(assignment))
    return this.apply({ kind: 'hosts', name, hosts: shareHosts(assignment, members.list()) })
  }

  setHealth(name: string, key: string, set: number, clear = 0): void {
    this.members.get(name)?.setHealth(key, set, clear)
    this.apply({ kind: 'host_health', name })
  }
}

/** `count` picks, counted by host port. */
export function countPicks(cluster: Cluster, count: number): Record<string, number> {
  const picks: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const port = String(cluster.chooseHost(null)?.address.port ?? 'none')
    picks[port] = (picks[port] ?? 0) + 1
  }
  return picks
}

/** For tests without EDS clusters. */
export const NO_SUBSCRIPTIONS: Subscriptions = {
  subscribe: ({ source }) => {
    throw new Error(`nobody brings ${source.key}`)
  },
}
