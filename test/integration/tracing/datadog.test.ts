// Traces to a Datadog agent. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  Collector,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'
import { headerOf } from '../../harness/message-body.ts'
import { readMessagePack } from './message-pack.ts'
import { datadog } from './providers.ts'

let agent: Collector
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]

before(async () => {
  agent = await Collector.start()
  agent.status = 200
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno'))
  ports = await freePorts(2)
  const tracing = { provider: datadog(), spawn_upstream_span: true }
  const listeners = [tracing, { ...tracing, random_sampling: { value: 0 } }].map((each, i) =>
    httpListener({ port: ports[i]!, hcm: { tracing: each } }),
  )
  const clusters = [staticCluster('origin', origin.port), staticCluster('collector', agent.port)]
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await agent?.close()
})

interface DatadogSpan {
  readonly trace_id: bigint
  readonly span_id: bigint
  readonly parent_id: bigint
  readonly resource: string
  readonly error: bigint
  readonly meta: Readonly<Record<string, string>>
  readonly metrics: Readonly<Record<string, number>>
}

async function told(index: number, headers = ''): Promise<Readonly<Record<string, string | undefined>>> {
  await exchange(ports[index]!, `GET /cart HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n${headers}\r\n`)
  const sent = origin.requests.at(-1)!.headers
  const named = (name: string): string | undefined => headerOf(sent, `x-datadog-${name}`)
  return {
    trace: named('trace-id'),
    parent: named('parent-id'),
    priority: named('sampling-priority'),
    tags: named('tags'),
  }
}

test('every trace goes to the agent, with its priority', async () => {
  const fresh = await told(0)
  const joined = await told(
    0,
    'x-datadog-trace-id: 123\r\nx-datadog-parent-id: 456\r\nx-datadog-sampling-priority: 2\r\n',
  )
  const dropped = await told(1)
  assert.deepEqual([fresh['priority'], joined['priority'], dropped['priority']], ['1', '2', '-1'])
  assert.equal(joined['trace'], '123')
  const [batch] = await agent.take(batches => batches.length > 0)
  assert.equal(batch!.url, '/v0.4/traces')
  assert.equal(batch!.headers['x-datadog-trace-count'], '3')
  const traces = readMessagePack(batch!.body) as readonly (readonly DatadogSpan[])[]
  assert.deepEqual(
    traces.map(spans => spans.map(({ resource }) => resource)),
    Array.from({ length: 3 }, () => ['ingress', 'router origin egress']),
  )
  const [[root, attempt], [other], [unwanted]] = traces as unknown as [DatadogSpan[], DatadogSpan[], DatadogSpan[]]
  assert.equal(String(root!.trace_id), fresh['trace'])
  assert.equal(String(attempt!.span_id), fresh['parent'])
  assert.equal(attempt!.parent_id, root!.span_id)
  assert.equal(other!.parent_id, 456n)
  assert.equal(Number(root!.error), 1)
  assert.equal(root!.meta['http.status_code'], '503')
  assert.equal(fresh['tags'], `_dd.p.tid=${root!.meta['_dd.p.tid']},_dd.p.dm=-0`)
  const priorities = [root!, other!, unwanted!].map(({ metrics }) => metrics['_sampling_priority_v1'])
  assert.deepEqual(priorities, [1, 2, -1])
  await proxy.untilStat('tracing.datadog.reports_sent', 1)
})
