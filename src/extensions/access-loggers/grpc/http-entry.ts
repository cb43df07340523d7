// envoy.data.accesslog.v3.HTTPAccessLogEntry.
import type { FormatContext, HeaderLookup } from '../../../observability/index.ts'
import { commonEntry, utf8 } from './common-entry.ts'
import type { CustomTags } from './custom-tags.ts'

const METHODS = ['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']
const PROTOCOLS = ['', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/2', 'HTTP/3']

export interface LoggedHeaders {
  readonly request: readonly string[]
  readonly response: readonly string[]
  readonly trailers: readonly string[]
}

export function httpEntry(context: FormatContext, headers: LoggedHeaders, tags: CustomTags): object {
  const { info, requestHeaders, responseHeaders, responseTrailers } = context
  return {
    commonProperties: commonEntry(context, tags),
    protocolVersion: Math.max(PROTOCOLS.indexOf(info.protocol ?? ''), 0),
    request: {
      ...requestProperties(requestHeaders),
      requestBodyBytes: BigInt(info.bytesReceived),
      requestHeaders: pick(requestHeaders, headers.request),
      upstreamHeaderBytesSent: BigInt(info.upstreamBytes?.headerSent ?? 0),
      downstreamHeaderBytesReceived: BigInt(info.downstreamBytes?.headerReceived ?? 0),
    },
    response: {
      responseCode: info.responseCode === 0 ? undefined : info.responseCode,
      responseCodeDetails: utf8(info.responseCodeDetails ?? ''),
      responseHeadersBytes: BigInt(responseHeaders?.byteSize ?? 0),
      responseBodyBytes: BigInt(info.bytesSent),
      responseHeaders: pick(responseHeaders, headers.response),
      responseTrailers: pick(responseTrailers, headers.trailers),
      upstreamHeaderBytesReceived: BigInt(info.upstreamBytes?.headerReceived ?? 0),
      downstreamHeaderBytesSent: BigInt(info.downstreamBytes?.headerSent ?? 0),
    },
  }
}

function requestProperties(headers: HeaderLookup | null): object {
  const text = (name: string): string => utf8(headers?.lookup(name) ?? '')
  return {
    requestMethod: Math.max(METHODS.indexOf(headers?.lookup(':method') ?? ''), 0),
    scheme: text(':scheme'),
    authority: text(':authority'),
    path: text(':path'),
    userAgent: text('user-agent'),
    referer: text('referer'),
    forwardedFor: text('x-forwarded-for'),
    requestId: text('x-request-id'),
    originalPath: text('x-envoy-original-path'),
    requestHeadersBytes: BigInt(headers?.byteSize ?? 0),
  }
}

function pick(headers: HeaderLookup | null, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = headers?.lookup(name)
    if (value !== undefined) picked[name] = utf8(value)
  }
  return picked
}
