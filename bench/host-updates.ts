// What a worker pays for an update of a cluster's hosts: the longest time it is kept from requests, and the whole time.
// CPU time of the thread, which other programs on the machine do not lengthen.
// Run: node scripts/run.mjs bench/host-updates.ts
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { testThread } from '../src/net/testing.ts'
import { ClusterManager } from '../src/upstream/index.ts'
import { NO_REPORTS, TestMain, testContext } from '../src/upstream/testing.ts'

const HOSTS = 10_000

function assignment(from: number, count: number, weight: (index: number) => number): ClusterLoadAssignmentJson {
  const lbEndpoints = Array.from({ length: count }, (_, at) => {
    const index = from + at
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    return {
      endpoint: { address: { socketAddress: { address, portValue: 80 } } },
      loadBalancingWeight: weight(index),
      metadata: { filterMetadata: { 'envoy.lb': { stage: 'prod', rack: `r${index % 50}` } } },
    }
  })
  return { clusterName: 'c', endpoints: [{ locality: { zone: 'a' }, lbEndpoints }] }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number
/** CPU milliseconds of this thread so far. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Runs `act` and whatever goes on behind it; the longest turn of the event loop meanwhile, and the whole time. */
async function watch(act: () => unknown): Promise<{ longestMs: number; totalMs: number }> {
  let done = false
  const started = cpuMs()
  let last = started
  let longestMs = 0
  const result = Promise.resolve(act()).then(() => {
    done = true
  })
  do {
    await turn()
    const now = cpuMs()
    longestMs = Math.max(longestMs, now - last)
    last = now
  } while (!done)
  await result
  return { longestMs, totalMs: cpuMs() - started }
}

async function measure(lbPolicy: string): Promise<void> {
  const manager = new ClusterManager(testThread(), testContext(), () => undefined, NO_REPORTS)
  let deliver: () => unknown = () => undefined
  const main = new TestMain(update => {
    // What main does for an update is not the worker's.
    deliver = () => manager.apply(update)
    return update.kind === 'hosts' ? undefined : deliver()
  })
  main.addCluster({ name: 'c', type: 'STRICT_DNS', lbPolicy } as never)
  const cases: [string, ClusterLoadAssignmentJson][] = []
  for (let round = 0; round < 5; round++) {
    cases.push(
      ['all hosts new', assignment(round * HOSTS, HOSTS, () => 1)],
      ['one host replaced', assignment(round * HOSTS + 1, HOSTS, () => 1)],
      ['every weight changed', assignment(round * HOSTS + 1, HOSTS, index => 1 + (index & 7))],
    )
  }
  const results = new Map<string, { longest: number[]; total: number[]; main: number[]; snapshot: number[] }>()
  for (const [name, hosts] of cases) {
    const from = cpuMs()
    main.setHosts('c', hosts)
    const mainMs = cpuMs() - from
    const { longestMs, totalMs } = await watch(() => deliver())
    const snapshotFrom = cpuMs()
    manager.get('c')?.chooseHost(null)
    const row = results.get(name) ?? { longest: [], total: [], main: [], snapshot: [] }
    results.set(name, row)
    row.snapshot.push(cpuMs() - snapshotFrom)
    row.longest.push(longestMs)
    row.total.push(totalMs)
    row.main.push(mainMs)
  }
  for (const [name, { longest, total, main: mainMs, snapshot }] of results) {
    const figures = [longest, total, snapshot, mainMs].map(values => median(values).toFixed(1).padStart(7))
    console.log(`${lbPolicy.padEnd(13)} ${name.padEnd(22)} ${figures.join(' ms ')} ms`)
  }
}

console.log(`${HOSTS} hosts, medians of 5: longest turn, whole time, new snapshot in the worker; time on main`)
await measure('ROUND_ROBIN')
await measure('MAGLEV')
