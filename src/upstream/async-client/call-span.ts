// Spans of the calls that a request causes (Envoy: the parent span of its async clients).
import type { ThreadContext } from '../../net/index.ts'
import type { Span, StreamInfo } from '../../observability/index.ts'

/** Of an HTTP request to `cluster`; null: nobody traces the request that causes it. The async client ends the span. */
export function httpCallSpan(info: StreamInfo, thread: ThreadContext, cluster: string): Span | null {
  return info.trace === null ? null : spawn(info, thread, `async ${cluster} egress`)
}

/** Of a gRPC call, `path` such as '/package.Service/Method'. */
export function grpcCallSpan(info: StreamInfo, thread: ThreadContext, path: string): Span | null {
  return info.trace === null ? null : spawn(info, thread, `async ${path.slice(1).replace('/', '.')} egress`)
}

function spawn(info: StreamInfo, thread: ThreadContext, name: string): Span | null {
  return info.trace?.span?.spawnChild(name, info.startWallMs - info.startMs + thread.clock.now) ?? null
}

/** What a gRPC call tells of itself; the caller has said what it made of the answer. */
export function endGrpcSpan(span: Span, cluster: string, status: number): void {
  describe(span, cluster)
  if (span.sampled) {
    span.setTag('grpc.status_code', String(status))
    if (status !== 0) span.setTag('error', 'true')
  }
  span.finish(performance.timeOrigin + performance.now())
}

/** The caller has given it up. */
export function cancelGrpcSpan(span: Span, cluster: string): void {
  describe(span, cluster)
  if (span.sampled) span.setTag('status', 'canceled')
  span.finish(performance.timeOrigin + performance.now())
}

/** As Envoy: of gRPC calls the cluster alone is known. */
function describe(span: Span, cluster: string): void {
  if (!span.sampled) return
  span.setTag('upstream_cluster', cluster)
  span.setTag('upstream_address', cluster)
  span.setTag('component', 'proxy')
}
