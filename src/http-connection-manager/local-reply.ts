import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  encodeGrpcMessage,
  GRPC_MESSAGE,
  GRPC_STATUS,
  grpcStatusOf,
  HeaderMap,
  isGrpcRequest,
} from '../http/index.ts'
import type { AccessLogFilter, ThreadContext } from '../net/index.ts'
import type { FormatContext, Formatter, StreamInfo } from '../observability/index.ts'

const DEADLINE_EXCEEDED = 4

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

/** Builds the head and the body of a local reply, mapped as configured. `body` is latin1. */
export function buildLocalReply(
  plan: LocalReplyPlan,
  thread: ThreadContext,
  info: StreamInfo,
  request: HeaderMap | null,
  status: number,
  body: string,
  modify: ((headers: HeaderMap) => void) | null,
): LocalReply {
  const headers = HeaderMap.acquire()
  headers.status = status
  modify?.(headers)
  info.responseCode = status
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
      if (mapper.status !== 0) headers.status = info.responseCode = mapper.status
      if (mapper.body !== null) body = mapper.body
      mapper.addHeaders(headers, info, request)
      format = mapper.bodyFormat ?? format
      break
    }
    if (format !== null) {
      body = format.formatter.format({ ...context, localReplyBody: body })
      contentType = format.contentType
    }
  }
  if (request !== null && isGrpcRequest(request)) return asGrpc(headers, body, info)
  if (body !== '') addBodyFields(headers, body, contentType)
  return { headers, body }
}

/** To a gRPC client the answer is a trailers-only response: its status stands in grpc-status. */
function asGrpc(headers: HeaderMap, body: string, info: StreamInfo): LocalReply {
  const deadline = info.responseCodeDetails === 'max_duration_timeout'
  const grpcStatus = deadline ? DEADLINE_EXCEEDED : grpcStatusOf(headers.status)
  headers.status = 200
  headers.append(CONTENT_TYPE, 'application/grpc')
  headers.append(GRPC_STATUS, String(grpcStatus))
  if (body !== '') headers.append(GRPC_MESSAGE, encodeGrpcMessage(body))
  return { headers, body: '' }
}

function addBodyFields(headers: HeaderMap, body: string, contentType: string): void {
  headers.set(CONTENT_LENGTH, String(body.length))
  if (!headers.has(CONTENT_TYPE)) headers.append(CONTENT_TYPE, contentType)
}
