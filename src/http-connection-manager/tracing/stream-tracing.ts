// The span of a request, from before the filters run until the stream is over. Only where the manager traces.
import {
  type HeaderMap,
  hasGrpcContentType,
  originalUri,
  type Route,
  HttpStats as S,
  X_ENVOY_DECORATOR_OPERATION,
} from '../../http/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import {
  annotateAt,
  ClientForced,
  type FormatContext,
  RequestTrace,
  Sampling,
  ServiceForced,
  type Span,
  type StreamInfo,
  setCommonTags,
  type TraceReason,
  type Tracer,
  type TraceSettings,
} from '../../observability/index.ts'
import { hostOf } from '../forwarded.ts'
import type { HttpConnectionManagerPlan } from '../plan.ts'
import { decideTrace } from './sampling.ts'
import type { TracingPlan } from './tracing-plan.ts'

/** gRPC statuses that stand for a failure of the server: Unknown, DeadlineExceeded, Unimplemented, Internal, ... */
const GRPC_ERRORS: ReadonlySet<string> = new Set(['2', '4', '12', '13', '14', '15'])

export function startTrace(
  plan: HttpConnectionManagerPlan,
  tracing: TracingPlan,
  tracer: Tracer | null,
  thread: ThreadContext,
  route: Route | null,
  headers: HeaderMap,
  info: StreamInfo,
): void {
  const ofRoute = route?.tracing ?? null
  const sampling = ofRoute === null ? tracing.sampling : ofRoute.sampling
  const reason = tracing.usesRequestId ? decideTrace(sampling, plan.packTraceReason, headers, thread) : Sampling
  const settings = ofRoute === null ? tracing.settings : tracing.settingsFor(ofRoute)
  const span =
    tracer?.startSpan({
      carrier: headers,
      egress: settings.egress,
      spawnsUpstream: settings.spawnsUpstream,
      startWallMs: info.startWallMs,
      sampled: reason !== 0,
    }) ?? null
  info.trace = new RequestTrace(settings, reason, span, null)
  if (span !== null) nameSpan(info.trace, span, route, headers)
}

/** By the route's decorator, or by what the caller calls it. */
function nameSpan(trace: RequestTrace, span: Span, route: Route | null, headers: HeaderMap): void {
  const { settings } = trace
  if (span.sampled) {
    span.setTag('node_id', settings.nodeId)
    span.setTag('zone', settings.zone)
  }
  // Known at the end; decorators have nothing to say then.
  if (settings.operation !== null) return
  const decorator = route?.decorator ?? null
  if (decorator !== null && decorator.operation !== '') {
    span.setOperation(decorator.operation)
    if (decorator.propagates) trace.decoratedOperation = decorator.operation
  }
  // On its way out a request tells the server's side its name; on its way in the response tells the client's.
  if (settings.egress) {
    if (trace.decoratedOperation !== null) headers.set(X_ENVOY_DECORATOR_OPERATION, trace.decoratedOperation)
  } else if (headers.has(X_ENVOY_DECORATOR_OPERATION)) {
    const asked = headers.get(X_ENVOY_DECORATOR_OPERATION) ?? ''
    if (asked !== '') {
      span.setOperation(asked)
      trace.decoratedOperation = null
    }
    headers.remove(X_ENVOY_DECORATOR_OPERATION)
  }
}

/** The response carries the name of the operation, or brings the one that the server's side has for it. */
export function decorateResponse(trace: RequestTrace, response: HeaderMap): void {
  const { settings, span, decoratedOperation } = trace
  if (settings.operation !== null) return
  if (!settings.egress) {
    if (decoratedOperation !== null) response.set(X_ENVOY_DECORATOR_OPERATION, decoratedOperation)
    return
  }
  if (!response.has(X_ENVOY_DECORATOR_OPERATION)) return
  const said = response.get(X_ENVOY_DECORATOR_OPERATION) ?? ''
  if (said !== '') span?.setOperation(said)
  response.remove(X_ENVOY_DECORATOR_OPERATION)
}

/** Counts the verdict; health checks are not traced, whatever it was. */
export function chargeTrace({ healthCheck, trace }: StreamInfo, cells: Float64Array): void {
  const reason: TraceReason = healthCheck || trace === null ? 0 : trace.reason
  if (reason === Sampling) cells[S.TRACING_RANDOM_SAMPLING]! += 1
  else if (reason === ServiceForced) cells[S.TRACING_SERVICE_FORCED]! += 1
  else if (reason === ClientForced) cells[S.TRACING_CLIENT_ENABLED]! += 1
  else cells[S.TRACING_NOT_TRACEABLE]! += 1
}

/** The stream is over: all that is known of it becomes the span's. */
export function finishTrace(trace: RequestTrace, context: FormatContext, headers: HeaderMap | null): void {
  const { span, settings } = trace
  const { info } = context
  if (span === null) return
  if (info.healthCheck) span.sampled = false
  if (span.sampled) {
    if (headers !== null) setRequestTags(span, settings, headers, info)
    span.setTag('request_size', String(info.bytesReceived))
    span.setTag('response_size', String(info.bytesSent))
    setGrpcResponseTags(span, context)
    if (settings.operation !== null) span.setOperation(settings.operation.format(context))
    if (settings.verbose) annotate(span, info)
    setCommonTags(span, settings, context, info.responseCode, info.flags)
  }
  span.finish(info.startWallMs + info.endUs / 1000)
}

function setRequestTags(span: Span, settings: TraceSettings, headers: HeaderMap, info: StreamInfo): void {
  const id = headers.lookup('x-request-id')
  if (id !== undefined) span.setTag('guid:x-request-id', id)
  span.setTag('http.url', originalUri(headers, settings.maxPathTagLength))
  span.setTag('http.method', headers.method)
  span.setTag('downstream_cluster', headers.lookup('x-envoy-downstream-service-cluster') ?? '-')
  span.setTag('user_agent', headers.lookup('user-agent') ?? '-')
  span.setTag('http.protocol', info.protocol ?? '-')
  const peer = info.connection.directRemoteAddress
  span.setTag('peer.address', hostOf(peer) || peer)
  const clientId = headers.lookup('x-client-trace-id')
  if (clientId !== undefined) span.setTag('guid:x-client-trace-id', clientId)
  if (!hasGrpcContentType(headers)) return
  span.setTag('grpc.path', headers.path)
  span.setTag('grpc.authority', headers.authority)
  span.setTag('grpc.content_type', headers.lookup('content-type') ?? '')
  const timeout = headers.lookup('grpc-timeout')
  if (timeout !== undefined) span.setTag('grpc.timeout', timeout)
}

function setGrpcResponseTags(span: Span, { responseHeaders, responseTrailers }: FormatContext): void {
  const inTrailers = responseTrailers?.lookup('grpc-status')
  const status = inTrailers ?? responseHeaders?.lookup('grpc-status')
  if (status === undefined) return
  span.setTag('grpc.status_code', status)
  const message = (inTrailers === undefined ? responseHeaders : responseTrailers)?.lookup('grpc-message')
  if (message !== undefined) span.setTag('grpc.message', message)
  if (GRPC_ERRORS.has(status)) span.setTag('error', 'true')
}

function annotate(span: Span, info: StreamInfo): void {
  const { startWallMs } = info
  annotateAt(span, startWallMs, info.lastDownstreamRxByteUs, 'last_downstream_rx_byte_received')
  annotateAt(span, startWallMs, info.firstUpstreamTxByteUs, 'first_upstream_tx_byte_sent')
  annotateAt(span, startWallMs, info.lastUpstreamTxByteUs, 'last_upstream_tx_byte_sent')
  annotateAt(span, startWallMs, info.firstUpstreamRxByteUs, 'first_upstream_rx_byte_received')
  annotateAt(span, startWallMs, info.lastUpstreamRxByteUs, 'last_upstream_rx_byte_received')
  annotateAt(span, startWallMs, info.firstDownstreamTxByteUs, 'first_downstream_tx_byte_sent')
  annotateAt(span, startWallMs, info.lastDownstreamTxByteUs, 'last_downstream_tx_byte_sent')
}
