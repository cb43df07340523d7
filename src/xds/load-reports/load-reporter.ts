// cluster_manager.load_stats_config: tells a server, as often as it wants, how much traffic its clusters have.
import './support.ts'
import type { ApiConfigSourceJson } from '#api/envoy/config/core/v3/config_source_pb.ts'
import { messageCodec } from '../../config/index.ts'
import { log, type StatBlock, type StatStore, statTemplate } from '../../observability/index.ts'
import { type ClusterLoads, type GrpcCallOptions, GrpcStream, type GrpcStreamCallbacks } from '../../upstream/index.ts'
import { streamPlan } from '../api-source.ts'
import type { StreamEnvironment } from '../discovery-stream.ts'
import { type DurationFields, ttlMs } from '../messages.ts'
import { LoadCounts } from './load-counts.ts'

const METHOD = '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats'
/** As Envoy: a server that is away is asked again at this pace. */
const RETRY_DELAY_MS = 5000
/** A server that wants reports without a pause gets them like this. */
const MIN_INTERVAL_MS = 10

const logger = log('upstream')

const STATS = statTemplate({ counters: ['errors', 'requests', 'responses', 'retries'], gauges: [], histograms: [] })
const ERRORS = STATS.slot('errors')
const REQUESTS = STATS.slot('requests')
const RESPONSES = STATS.slot('responses')
const RETRIES = STATS.slot('retries')

/** envoy.service.load_stats.v3.LoadStatsResponse as it is decoded. */
interface LoadStatsResponse {
  readonly clusters: readonly string[]
  readonly sendAllClusters: boolean
  readonly loadReportingInterval?: DurationFields
  readonly reportEndpointGranularity: boolean
}

export interface LoadReporterEnvironment extends StreamEnvironment {
  readonly stats: StatStore
  readonly loads: ClusterLoads
  /** envoy.config.core.v3.Node, ready for messages, with what this client can do. */
  readonly node: object
  nowMs(): number
}

export class LoadReporter implements GrpcStreamCallbacks {
  private readonly environment: LoadReporterEnvironment
  private readonly call: GrpcCallOptions
  private readonly counts: LoadCounts
  private readonly stats: StatBlock
  private stream: GrpcStream | null = null
  /** What the server has asked for last; null: nothing yet. */
  private wanted: LoadStatsResponse | null = null
  private cancelTimer: (() => void) | null = null
  private stopped = false
  /** Reports that the server does not read would pile up: it gets one of the whole time later. */
  private held = false

  constructor(api: ApiConfigSourceJson, environment: LoadReporterEnvironment) {
    this.environment = environment
    this.call = streamPlan(api, METHOD).call
    this.counts = new LoadCounts(environment.loads, () => environment.nowMs())
    this.stats = environment.stats.block('load_reporter.', STATS)
  }

  open(): void {
    this.cancelTimer = null
    this.held = false
    const stream = GrpcStream.open(this.environment.client(), this.call, this)
    if (stream.closed) return
    this.stream = stream
    this.report()
  }

  private report(): void {
    this.cancelTimer = null
    if (!this.held) {
      const { wanted } = this
      if (wanted?.sendAllClusters === true) this.counts.track(this.environment.loads.names())
      const clusterStats = this.counts.take(wanted?.reportEndpointGranularity ?? false)
      const message = { node: this.environment.node, clusterStats }
      this.stream?.send(messageCodec('envoy.service.load_stats.v3.LoadStatsRequest').encode(message))
      this.stats.cells[RESPONSES]! += 1
    }
    if (this.wanted !== null) this.startPeriod()
  }

  private startPeriod(): void {
    const intervalMs = Math.max(ttlMs(this.wanted?.loadReportingInterval) ?? 0, MIN_INTERVAL_MS)
    this.cancelTimer?.()
    this.cancelTimer = this.environment.schedule(intervalMs, () => this.report())
  }

  onGrpcMessage(message: Buffer): void {
    const decoded = messageCodec('envoy.service.load_stats.v3.LoadStatsResponse').decode(Buffer.from(message))
    if (decoded === null) {
      logger.warn('a load reporting server sends what is no LoadStatsResponse', { cluster: this.call.cluster })
      this.stream?.cancel()
      this.lose()
      return
    }
    this.stats.cells[REQUESTS]! += 1
    this.wanted = decoded as LoadStatsResponse
    const { clusters, sendAllClusters } = this.wanted
    this.counts.track(sendAllClusters ? this.environment.loads.names() : clusters)
    this.startPeriod()
  }

  onGrpcClose(status: number, message: string, details: string): void {
    logger.warn('a load reporting stream is closed', { cluster: this.call.cluster, status, message, details })
    if (status !== 0) this.stats.cells[ERRORS]! += 1
    this.lose()
  }

  private lose(): void {
    this.stream = null
    this.cancelTimer?.()
    if (this.stopped) return
    this.cancelTimer = this.environment.schedule(RETRY_DELAY_MS, () => {
      this.stats.cells[RETRIES]! += 1
      this.open()
    })
  }

  onGrpcAboveWriteBufferHighWatermark(): void {
    this.held = true
  }

  onGrpcBelowWriteBufferLowWatermark(): void {
    this.held = false
  }

  stop(): void {
    this.stopped = true
    this.cancelTimer?.()
    this.stream?.close()
    this.stream = null
  }
}
