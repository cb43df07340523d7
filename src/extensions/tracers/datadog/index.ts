import { randomUUID } from 'node:crypto'
import type { DatadogConfigJson } from '#api/envoy/config/trace/v3/datadog_pb.ts'
import { packageVersion, toWireText } from '../../../base/index.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HeaderName, TRACER_CATEGORY, type TracerPlan } from '../../../http/index.ts'
import { randomHex, type Span, type SpanStart, type Tracer } from '../../../observability/index.ts'
import { type CollectorAddress, checkServiceCluster } from '../../../upstream/index.ts'
import { Agent } from './agent.ts'
import { AgentRates } from './agent-rates.ts'
import { Chunk, type ChunkReporter, type Sampling } from './chunk.ts'
import { extract } from './propagation.ts'

const TYPE = 'envoy.config.trace.v3.DatadogConfig'
const UNDECIDED: Sampling = { priority: -1, rate: -1, decisionMaker: '' }

declareSupport(TYPE, {
  supported: ['collector_cluster', 'service_name', 'collector_hostname'],
  refused: { remote_config: "the agent's remote configuration is not read; leave it out" },
})

class DatadogTracer implements Tracer {
  private readonly reporter: ChunkReporter
  private readonly rates: AgentRates

  constructor(reporter: ChunkReporter, rates: AgentRates) {
    this.reporter = reporter
    this.rates = rates
  }

  startSpan({ carrier, egress, startWallMs, sampled }: SpanStart): Span {
    const context = extract(carrier)
    const traceId = context?.traceId ?? newTraceId(startWallMs)
    const resource = egress ? `egress ${carrier.lookup(':authority') ?? ''}` : 'ingress'
    const sampling = this.sample(context?.priority ?? null, traceId, sampled)
    return Chunk.root(this.reporter, traceId, context, sampling, resource, startWallMs)
  }

  /** Who has decided before is believed; where the request id says no it is no, and else the agent has its say. */
  private sample(priority: number | null, traceId: string, sampled: boolean): Sampling {
    if (priority !== null) return { ...UNDECIDED, priority }
    if (!sampled) return UNDECIDED
    const { keep, rate, decisionMaker } = this.rates.decide(traceId)
    return keep ? { priority: 1, rate, decisionMaker } : { priority: 0, rate, decisionMaker: '' }
  }
}

/** 128 bits that begin with the time, in seconds. */
function newTraceId(wallMs: number): string {
  const seconds = Math.floor(wallMs / 1000)
  return `${seconds.toString(16).padStart(8, '0')}00000000${randomHex(8)}`
}

/** envoy.tracers.datadog */
export const datadogTracerFactory: ExtensionFactory<TracerPlan> = {
  name: 'envoy.tracers.datadog',
  category: TRACER_CATEGORY,
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const { collectorCluster = '', serviceName = '', collectorHostname = '' } = config as DatadogConfigJson
    checkServiceCluster(collectorCluster, context, path.field('collector_cluster'))
    const version = packageVersion()
    const headers = [
      ['datadog-meta-lang', 'cpp'],
      ['datadog-meta-tracer-version', version],
    ].map(([name = '', value = '']) => ({ name: HeaderName.of(name), value }))
    const address: CollectorAddress = {
      cluster: collectorCluster,
      host: toWireText(collectorHostname || collectorCluster),
      path: '/v0.4/traces',
      headers,
      timeoutMs: 0,
    }
    const service = toWireText(serviceName)
    return {
      open: thread => {
        const rates = new AgentRates(serviceName)
        const own = { service, version: `envoy ${version}`, runtimeId: randomUUID() }
        return new DatadogTracer(new Agent(thread, address, own, rates), rates)
      },
    }
  },
}
