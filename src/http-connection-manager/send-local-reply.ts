// What a stream is answered by the proxy itself, and how that answer goes out.
import type { HeaderMap } from '../http/index.ts'
import { ResponseFlag } from '../observability/index.ts'
import type { ActiveStream } from './active-stream.ts'
import { buildLocalReply } from './local-reply.ts'

const NO_BYTES = Buffer.alloc(0)

export function sendLocalReply(
  stream: ActiveStream,
  status: number,
  body: string,
  details: string,
  modify: ((headers: HeaderMap) => void) | null,
  grpcStatus: number,
): void {
  if (stream.ended) return
  const { info, manager } = stream
  info.responseCodeDetails = details
  if (stream.responseStarted) {
    stream.resetStream()
    return
  }
  // As Envoy: who is told that his HTTP/1 request is bad is not trusted with another one on this connection.
  if (status === 400 && info.protocol !== 'HTTP/2' && !manager.plan.streamErrorOnInvalidMessage) manager.closing = true
  if (stream.chain === null) stream.beRefusedEarly()
  const { chain, requestHeaders } = stream
  chain?.abandonRequest()
  const { localReply } = manager.plan
  const grpc = stream.isGrpc(requestHeaders) ? { status: grpcStatus } : null
  const shape = chain === null ? modify : mutatedByRoute(stream, modify)
  const reply = buildLocalReply(localReply, stream.thread, info, requestHeaders, status, body, shape, grpc)
  if (stream.codecFailed) info.flags |= ResponseFlag.DownstreamProtocolError
  passReply(stream, reply.headers, requestHeaders?.method === 'HEAD' ? NO_BYTES : Buffer.from(reply.body, 'latin1'))
}

/** The reply passes the filters, unless a response is among them already: then it takes that one's place. */
function passReply(stream: ActiveStream, headers: HeaderMap, bytes: Buffer): void {
  const { chain } = stream
  const empty = bytes.length === 0
  stream.responseHeaders = headers
  if (chain === null || chain.hasResponse) {
    chain?.abandonResponse()
    stream.sendHeaders(headers, empty)
    if (!empty && !stream.ended) stream.sendData(bytes, 0, bytes.length, true)
    return
  }
  chain.encodeHeaders(headers, empty)
  if (!empty && !stream.ended) chain.encodeData(bytes, 0, bytes.length, true)
}

/** As Envoy: first what the route says, then what the filter says that answers. */
function mutatedByRoute(
  stream: ActiveStream,
  modify: ((headers: HeaderMap) => void) | null,
): ((headers: HeaderMap) => void) | null {
  const route = stream.cachedRoute
  if (route?.kind !== 'cluster' || !route.hasResponseMutations) return modify
  return reply => {
    route.finalizeResponse(reply, stream.requestHeaders, stream.info)
    modify?.(reply)
  }
}
