// Sends every case through one proxy with a collector behind it, and tells what was seen.
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
import { type Manager, type TracingCase, tracingListener } from './listeners.ts'
import * as otel from './otel-cases.ts'
import { otelSpans } from './otel-view.ts'
import { TraceView } from './view.ts'
import * as zipkin from './zipkin-cases.ts'
import { zipkinSpans } from './zipkin-view.ts'

/** So long spans are awaited where nothing is known of them yet. */
const RECORDING_MS = 150

interface Stage {
  readonly managers: Readonly<Record<string, Manager>>
  readonly cases: readonly TracingCase[]
  readonly spans: (body: Buffer, view: TraceView) => readonly string[]
}

export const STAGES = {
  zipkin: { managers: zipkin.MANAGERS, cases: zipkin.CASES, spans: zipkinSpans },
  opentelemetry: { managers: otel.MANAGERS, cases: otel.CASES, spans: otelSpans },
} satisfies Record<string, Stage>
export type StageName = keyof typeof STAGES

export interface Played {
  readonly cases: readonly (readonly string[])[]
  readonly stats: readonly string[]
}

/** What is asked of the proxy, its trace context in the view of the origin, its spans. `spansOf`: how many to await. */
export async function play(stage: StageName, spansOf: ((index: number) => number) | null): Promise<Played> {
  const { managers, cases, spans }: Stage = STAGES[stage]
  const collector = await Collector.start()
  let asked: RawRequest[] = []
  const origin = await ScriptedOrigin.start(connection => {
    const requests = parseRequests(connection.received)
    if (requests.length === 0) return
    connection.received = ''
    asked.push(...requests)
    const answer = answerOf(requests[0]!)
    if (answer !== null) connection.socket.write(answer)
  })
  const names = Object.keys(managers)
  const ports = await freePorts(names.length + 1)
  const nobody = ports[names.length]!
  const clusters = [
    staticCluster('origin', origin.port),
    staticCluster('collector', collector.port),
    staticCluster('nobody', nobody),
  ]
  const listeners = names.map((name, i) => tracingListener(name, managers[name]!, ports[i]!))
  const layer = { [`tracing.${stage}.min_flush_spans`]: 1 }
  const runtime = { layers: [{ name: 'static', static_layer: layer }] }
  const proxy = await ProxyProcess.start(bootstrap(listeners, clusters, { layered_runtime: runtime }))
  const peers = new Map([
    [String(origin.port), 'origin'],
    [String(nobody), 'nobody'],
  ])
  try {
    const played: string[][] = []
    for (const [index, one] of cases.entries()) {
      asked = []
      const view = new TraceView(peers)
      const answer = await ask(one, ports[names.indexOf(one.manager)]!)
      if (spansOf === null) await setTimeout(RECORDING_MS)
      const enough = spansOf === null ? 0 : spansOf(index)
      const batches = await collector.take(all => all.length >= enough, `case ${index}, ${one.manager} ${one.path}`)
      const told = asked.map(request => view.told(request))
      // Batches of one span each may overtake each other.
      const name = (body: Buffer): string => spans(body, new TraceView(peers))[0] ?? ''
      const bodies = batches.map(({ body }) => body).sort((a, b) => (name(a) < name(b) ? -1 : 1))
      played.push([answer, ...told, ...bodies.flatMap(body => spans(body, view))])
    }
    return { cases: played, stats: await tracingStats(proxy) }
  } finally {
    await proxy.stop()
    await origin.close()
    await collector.close()
  }
}

function answerOf({ headers }: RawRequest): string | null {
  if (headerOf(headers, 'x-mute') !== undefined) return null
  const says = headerOf(headers, 'x-says')
  const decoration = says === undefined ? '' : `x-envoy-decorator-operation: ${says}\r\n`
  const status = headerOf(headers, 'x-status') ?? '200'
  return `HTTP/1.1 ${status} Said\r\n${decoration}content-length: 2\r\n\r\nok`
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
