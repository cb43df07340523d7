// Sends every case through one proxy with a Zipkin collector behind it, and tells what was seen.
import { setTimeout } from 'node:timers/promises'
import {
  bootstrap,
  Collector,
  exchange,
  freePorts,
  ProxyProcess,
  parseRequests,
  parseResponses,
  type RawRequest,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { headerOf } from '../../harness/message-body.ts'
import { CASES, MANAGERS, type TracingCase, tracingListener } from './zipkin-cases.ts'
import { ZipkinView } from './zipkin-view.ts'

const NAMES = Object.keys(MANAGERS) as (keyof typeof MANAGERS)[]
/** So long spans are awaited where nothing is known of them yet. */
const RECORDING_MS = 150

export interface Played {
  readonly cases: readonly (readonly string[])[]
  readonly stats: readonly string[]
}

/** What is asked of the proxy, its trace context in the view of the origin, its spans. `spansOf`: how many to await. */
export async function playZipkin(spansOf: ((index: number) => number) | null): Promise<Played> {
  const collector = await Collector.start()
  let asked: RawRequest[] = []
  const origin = await ScriptedOrigin.start(connection => {
    const requests = parseRequests(connection.received)
    if (requests.length === 0) return
    connection.received = ''
    asked.push(...requests)
    const { headers } = requests[0]!
    if (headerOf(headers, 'x-mute') !== undefined) return
    const says = headerOf(headers, 'x-says')
    const decoration = says === undefined ? '' : `x-envoy-decorator-operation: ${says}\r\n`
    const status = headerOf(headers, 'x-status') ?? '200'
    connection.socket.write(`HTTP/1.1 ${status} Said\r\n${decoration}content-length: 2\r\n\r\nok`)
  })
  const ports = await freePorts(NAMES.length + 1)
  const nobody = ports[NAMES.length]!
  const clusters = [
    staticCluster('origin', origin.port),
    staticCluster('collector', collector.port),
    staticCluster('nobody', nobody),
  ]
  const listeners = NAMES.map((name, i) => tracingListener(name, ports[i]!))
  const runtime = { layers: [{ name: 'static', static_layer: { 'tracing.zipkin.min_flush_spans': 1 } }] }
  const proxy = await ProxyProcess.start(bootstrap(listeners, clusters, { layered_runtime: runtime }))
  const peers = new Map([
    [String(origin.port), 'origin'],
    [String(nobody), 'nobody'],
  ])
  try {
    const cases: string[][] = []
    for (const [index, one] of CASES.entries()) {
      asked = []
      const view = new ZipkinView(peers)
      const answer = await ask(one, ports[NAMES.indexOf(one.manager)]!)
      if (spansOf === null) await setTimeout(RECORDING_MS)
      const enough = spansOf === null ? 0 : spansOf(index)
      const batches = await collector.take(all => all.length >= enough, `${one.manager} ${one.path}`)
      const spans = batches.flatMap(({ body }) => view.spans(body.toString()))
      cases.push([answer, ...asked.map(request => view.told(request)), ...spans])
    }
    return { cases, stats: await tracingStats(proxy) }
  } finally {
    await proxy.stop()
    await origin.close()
    await collector.close()
  }
}

async function ask({ path, headers = {} }: TracingCase, port: number): Promise<string> {
  const fields = Object.entries({ host: 'shop', connection: 'close', ...headers })
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const [response] = parseResponses(await exchange(port, `GET ${path} HTTP/1.1\r\n${head}\r\n`))
  const says = headerOf(response!.headers, 'x-envoy-decorator-operation')
  return `> ${response!.status}${says === undefined ? '' : ` ${says}`}`
}

async function tracingStats(proxy: ProxyProcess): Promise<readonly string[]> {
  const stats = await proxy.stats('tracing')
  return [...stats]
    .filter(([name]) => !/^http\.admin\.|timer_flushed|reports_sent/.test(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
}
