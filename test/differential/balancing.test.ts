// Who gets how much: every policy, priority and zone case through a whole proxy. `envoy` are the shares of a real Envoy 1.40,
// measured with this file (PROXY_UNDER_TEST=<envoy>, shares are printed with SHOW_SHARES=1); sampling error is all that may differ.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess } from '../harness/index.ts'
import { type BalancingCase, CASES, caseCluster, caseRoute, LOCAL_CLUSTER } from './balancing/cases.ts'

const REQUESTS = 600
/** Standard deviations that a share may be away by: one of a hundred runs of forty cases fails by chance at 3.5. */
const DEVIATIONS = 5

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let origin: Server
let proxy: ProxyProcess
let port = 0

/** One server behind every address of 127.0.0.0/8: it answers with the address it was called by, and its load. */
before(async () => {
  origin = createServer((request, response) => {
    const address = request.socket.localAddress ?? ''
    const last = Number(address.split('.')[3])
    response.setHeader('endpoint-load-metrics', `TEXT cpu_utilization=${last / 10},rps_fractional=100`)
    response.end(address)
  }).listen(0, '0.0.0.0')
  await once(origin, 'listening')
  ;[port] = (await freePorts(1)) as [number]
  const { port: originPort } = origin.address() as AddressInfo
  const clusters = CASES.map((one, index) => caseCluster(one, index, originPort))
  const config = bootstrap([httpListener({ port, routes: CASES.map(caseRoute) })], [LOCAL_CLUSTER, ...clusters], {
    node: { id: 'n', cluster: 'n', locality: { zone: 'a' } },
    cluster_manager: { local_cluster_name: 'me' },
  })
  proxy = await ProxyProcess.start(config)
})
after(async () => {
  agent.destroy()
  origin.close()
  origin.closeAllConnections()
  await proxy.stop()
})

function ask(path: string, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent, headers }, response => {
      let body = ''
      response.setEncoding('latin1').on('data', (piece: string) => {
        body += piece
      })
      response.on('end', () => resolve(response.statusCode === 200 ? body : String(response.statusCode)))
    }).on('error', reject)
  })
}

/** The share of each host, by the last number of its address; 'none' where there was no host. */
async function shares(one: BalancingCase, index: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  // Policies that learn from answers have learnt by then.
  for (let i = 0; i < (one.warmUp ?? 0); i++) await ask(`/${index}/`, one.headers?.(i) ?? {})
  for (let i = 0; i < REQUESTS; i++) {
    const answer = await ask(`/${index}/`, one.headers?.(i) ?? {})
    const key = answer === '503' ? 'none' : (answer.split('.')[3] as string)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).map(([key, count]) => [key, count / REQUESTS]))
}

describe('shares are those of Envoy', () => {
  CASES.forEach((one, index) => {
    test(one.about, async () => {
      const seen = await shares(one, index)
      if (process.env['SHOW_SHARES'] !== undefined) console.log(one.about, JSON.stringify(seen))
      for (const key of new Set([...Object.keys(seen), ...Object.keys(one.envoy)])) {
        const [share, expected] = [seen[key] ?? 0, one.envoy[key] ?? 0]
        const deviation = one.exact === true ? 0 : Math.sqrt((expected * (1 - expected)) / REQUESTS)
        const allowed = DEVIATIONS * deviation + 2 / REQUESTS
        assert.ok(
          Math.abs(share - expected) <= allowed,
          `host ${key}: ${share}, Envoy ${expected}: ${JSON.stringify(seen)}`,
        )
      }
    })
  })
})
