// What a worker pays for an update of a cluster's hosts: the longest time it is kept from requests, and the whole time; and
// what it pays when a tenth of them fail. Wall time, garbage collection and all, so the machine should do nothing else.
// Run: node scripts/run.mjs --max-semi-space-size=4 --no-allocation-site-pretenuring bench/host-updates.ts
import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { testThread } from '../src/net/testing.ts'
import { ClusterManager, type ClusterUpdate, LoadBalancerContext } from '../src/upstream/index.ts'
import { NO_REPORTS, TestMain, testContext } from '../src/upstream/testing.ts'

const HOSTS = 10_000
const ROUNDS = 9
/** Health flag: failed active check. */
const FAILED = 1

interface Cost {
  readonly longestMs: number
  readonly totalMs: number
}

// ---- the worker

class Prod extends LoadBalancerContext {
  private readonly wanted = { stage: 'prod' }

  override get metadataMatch(): object | null {
    return this.wanted
  }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Applies `update` and serves requests until it has been quiet for a while; the longest turn of the event loop meanwhile. */
async function watch(manager: ClusterManager, update: ClusterUpdate): Promise<Cost> {
  const context = new Prod()
  const started = performance.now()
  let last = started
  let longestMs = 0
  let busyMs = 0
  let idleTurns = 0
  manager.apply(update)
  while (idleTurns < 100) {
    manager.get('c')?.chooseHost(context)
    await turn()
    const now = performance.now()
    const ms = now - last
    last = now
    longestMs = Math.max(longestMs, ms)
    if (ms < 0.1) idleTurns++
    else busyMs += ms
  }
  return { longestMs, totalMs: busyMs }
}

function serve(port: NonNullable<typeof parentPort>): void {
  const manager = new ClusterManager(testThread(), testContext(), () => undefined, NO_REPORTS)
  port.on('message', async (update: ClusterUpdate) => {
    const watched = update.kind === 'hosts' || update.kind === 'host_health'
    if (watched) port.postMessage(await watch(manager, update))
    else manager.apply(update)
  })
}

// ---- main

function assignment(from: number, count: number, weight: (index: number) => number): ClusterLoadAssignmentJson {
  const lbEndpoints = Array.from({ length: count }, (_, at) => {
    const index = from + at
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    return {
      endpoint: { address: { socketAddress: { address, portValue: 80 } } },
      loadBalancingWeight: weight(index),
      metadata: { filterMetadata: { 'envoy.lb': { stage: index % 4 === 0 ? 'prod' : 'dev', rack: `r${index % 50}` } } },
    }
  })
  return { clusterName: 'c', endpoints: [{ locality: { zone: 'a' }, lbEndpoints }] }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number

async function measure(name: string, policy: object): Promise<void> {
  const worker = new Worker(new URL(import.meta.url))
  const results = new Map<string, (Cost & { readonly mainMs: number })[]>()
  const main = new TestMain(update => worker.postMessage(update))
  const costOf = async (what: string, act: () => void): Promise<void> => {
    const from = performance.now()
    act()
    const mainMs = performance.now() - from
    const [cost] = (await once(worker, 'message')) as [Cost]
    results.set(what, [...(results.get(what) ?? []), { ...cost, mainMs }])
  }
  main.addCluster({ name: 'c', type: 'STRICT_DNS', ...policy } as never)
  for (let round = 0; round < ROUNDS; round++) {
    const at = round * HOSTS
    const weighted = assignment(at + 1, HOSTS, index => 1 + (index & 7))
    const setHosts = (hosts: ClusterLoadAssignmentJson): void => void main.setHosts('c', hosts)
    await costOf('all hosts new', () => setHosts(assignment(at, HOSTS, () => 1)))
    await costOf('one host replaced', () => setHosts(assignment(at + 1, HOSTS, () => 1)))
    await costOf('every weight changed', () => setHosts(weighted))
    await costOf('one host fails', () => main.setHealth('c', keyOf(at + 7), FAILED))
  }
  for (const [what, costs] of results) {
    const figures = (['longestMs', 'totalMs', 'mainMs'] as const).map(key => median(costs.map(cost => cost[key])))
    const worst = Math.max(...costs.map(({ longestMs }) => longestMs))
    const cells = [...figures, worst].map(value => `${value.toFixed(1).padStart(6)} ms`)
    console.log(`${name.padEnd(22)} ${what.padEnd(22)} ${cells.join(' ')}`)
  }
  await worker.terminate()
}

const keyOf = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:80`

if (isMainThread) {
  console.log(
    `${HOSTS} hosts, medians of ${ROUNDS}: longest turn, whole time in the worker; time on main; longest turn of all`,
  )
  await measure('round robin', {})
  await measure('least request', { lbPolicy: 'LEAST_REQUEST' })
  await measure('ring hash', { lbPolicy: 'RING_HASH' })
  await measure('maglev', { lbPolicy: 'MAGLEV' })
  await measure('subset of round robin', { lbSubsetConfig: { subsetSelectors: [{ keys: ['stage'] }] } })
} else serve(parentPort as NonNullable<typeof parentPort>)
