import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  encodeGrpcMessage,
  GRPC_MESSAGE,
  GRPC_STATUS,
  grpcStatusOf,
  HeaderMap,
} from '../http/index.ts'
import type { AccessLogFilter, ThreadContext } from '../net/index.ts'
import type { FormatContext, Formatter, StreamInfo } from '../observability/index.ts'

/** How answers of the proxy's own look; envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig. */
export interface LocalReplyPlan {
  readonly mappers: readonly LocalReplyMapper[]
  readonly bodyFormat: BodyFormat | null
}

export interface BodyFormat {
  readonly formatter: Formatter
  readonly contentType: string
}

export interface LocalReplyMapper {
  readonly filter: AccessLogFilter
  /** 0: unchanged. */
  readonly status: number
  readonly body: string | null
  readonly bodyFormat: BodyFormat | null
  addHeaders(headers: HeaderMap, info: StreamInfo, request: HeaderMap | null): void
}

export interface LocalReply {
  readonly headers: HeaderMap
  readonly body: string
}

/** The client is a gRPC one. */
export interface GrpcReply {
  /** -1: what the HTTP status stands for. */
  readonly status: number
}

/** Builds the head and the body of a local reply, mapped as configured. `body` is latin1. */
export function buildLocalReply(
  plan: LocalReplyPlan,
  thread: ThreadContext,
  info: StreamInfo,
  request: HeaderMap | null,
  status: number,
  body: string,
  modify: ((headers: HeaderMap) => void) | null,
  grpc: GrpcReply | null,
): LocalReply {
  const headers = HeaderMap.acquire()
  headers.status = status
  modify?.(headers)
  info.responseCode = status
  const said = body
  const saidType = headers.get(CONTENT_TYPE)
  let contentType = 'text/plain'
  if (plan.mappers.length > 0 || plan.bodyFormat !== null) {
    const context: FormatContext = {
      requestHeaders: request,
      responseHeaders: headers,
      responseTrailers: null,
      info,
      localReplyBody: body,
    }
    let format = plan.bodyFormat
    for (const mapper of plan.mappers) {
      if (!mapper.filter.matches(context, thread)) continue
      if (mapper.body !== null) body = mapper.body
      // As Envoy: fields still tell the status that was there.
      mapper.addHeaders(headers, info, request)
      if (mapper.status !== 0) headers.status = info.responseCode = mapper.status
      format = mapper.bodyFormat ?? format
      break
    }
    if (format !== null) {
      body = format.formatter.format({ ...context, localReplyBody: body })
      contentType = format.contentType
    }
  }
  if (grpc !== null) return asGrpc(headers, request?.method === 'HEAD' ? '' : body, contentType, grpc)
  // As Envoy: a type that was said is not that of another body, unless a mapper says one too.
  const outdated = body !== said && headers.get(CONTENT_TYPE) === saidType
  if (body !== '') addBodyFields(headers, body, contentType, outdated)
  else headers.remove(CONTENT_TYPE)
  return { headers, body }
}

/** To a gRPC client the answer is a trailers-only response: its status stands in grpc-status. */
function asGrpc(headers: HeaderMap, body: string, contentType: string, grpc: GrpcReply): LocalReply {
  const status = grpc.status >= 0 ? grpc.status : grpcStatusOf(headers.status)
  headers.status = 200
  headers.set(CONTENT_TYPE, 'application/grpc')
  if (!headers.has(GRPC_STATUS)) headers.append(GRPC_STATUS, String(status))
  // A formatted JSON body ends with a line break that has no place in a header.
  if (contentType === 'application/json' && body.endsWith('\n')) body = body.slice(0, -1)
  if (body !== '') headers.set(GRPC_MESSAGE, encodeGrpcMessage(body))
  headers.remove(CONTENT_LENGTH)
  return { headers, body: '' }
}

function addBodyFields(headers: HeaderMap, body: string, contentType: string, outdated: boolean): void {
  headers.set(CONTENT_LENGTH, String(body.length))
  if (outdated || !headers.has(CONTENT_TYPE)) headers.set(CONTENT_TYPE, contentType)
}
