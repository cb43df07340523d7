// HOT FILE (docs/hot-path.md): counts gRPC calls by method and status, and the messages in them.
import {
  FilterContinue,
  GRPC_STATUS,
  GrpcFrameCounter,
  type GrpcMethodStats,
  type GrpcStatsTable,
  grpcMethodOf,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  hasGrpcContentType,
  isGrpcResponse,
} from '../../../http/index.ts'
import { MessageCounts } from './message-counts.ts'

const FILTER_STATE = 'envoy.filters.http.grpc_stats'

export interface GrpcStatsSettings {
  /** Which methods are counted by name: all, or these ('service/method'). */
  readonly named: 'all' | ReadonlySet<string>
  readonly emitFilterState: boolean
  readonly upstreamTime: boolean
  readonly replaceDots: boolean
}

export class GrpcStatsFilter extends HttpFilter {
  private readonly settings: GrpcStatsSettings
  private readonly table: GrpcStatsTable
  private stats: GrpcMethodStats | null = null
  private requests: GrpcFrameCounter | null = null
  private responses: GrpcFrameCounter | null = null
  private counts: MessageCounts | null = null

  constructor(settings: GrpcStatsSettings, table: GrpcStatsTable) {
    super()
    this.settings = settings
    this.table = table
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    if (!hasGrpcContentType(headers)) return FilterContinue
    this.requests = new GrpcFrameCounter()
    const cluster = this.callbacks.info.upstreamCluster
    const called = cluster === null ? null : grpcMethodOf(headers.path)
    if (cluster === null || called === null) return FilterContinue
    const { named, replaceDots } = this.settings
    if (named === 'all') {
      const service = replaceDots ? called.service.replaceAll('.', '_') : called.service
      this.stats = this.table.of(cluster, { service, method: called.method })
    } else this.stats = this.table.of(cluster, named.has(`${called.service}/${called.method}`) ? called : null)
    return FilterContinue
  }

  override decodeData(data: Buffer, start: number, end: number): HttpFilterStatus {
    const begun = this.requests?.inspect(data, start, end) ?? 0
    if (begun > 0) {
      this.noteCounts()
      this.stats?.chargeRequestMessages(begun)
    }
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    if (isGrpcResponse(headers, endStream)) this.responses = new GrpcFrameCounter()
    this.chargeStatus(headers)
    if (endStream) this.recordTime()
    return FilterContinue
  }

  override encodeData(data: Buffer, start: number, end: number): HttpFilterStatus {
    const begun = this.responses?.inspect(data, start, end) ?? 0
    if (begun > 0) {
      this.noteCounts()
      this.stats?.chargeResponseMessages(begun)
    }
    return FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.chargeStatus(trailers)
    this.recordTime()
    return FilterContinue
  }

  private chargeStatus(headers: HeaderMap): void {
    if (this.stats !== null && headers.has(GRPC_STATUS)) this.stats.chargeStatus(headers.get(GRPC_STATUS) as string)
  }

  private recordTime(): void {
    const { lastUpstreamRxByteUs, lastUpstreamTxByteUs } = this.callbacks.info
    if (this.stats === null || !this.settings.upstreamTime || lastUpstreamTxByteUs < 0 || lastUpstreamRxByteUs < 0)
      return
    this.stats.recordUpstreamTime(Math.floor((lastUpstreamRxByteUs - lastUpstreamTxByteUs) / 1000))
  }

  private noteCounts(): void {
    if (!this.settings.emitFilterState) return
    if (this.counts === null) {
      const { info } = this.callbacks
      this.counts = new MessageCounts()
      info.filterState ??= new Map()
      info.filterState.set(FILTER_STATE, this.counts)
    }
    this.counts.requests = this.requests?.count ?? 0
    this.counts.responses = this.responses?.count ?? 0
  }
}
