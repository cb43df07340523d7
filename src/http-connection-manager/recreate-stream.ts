// An internal redirect: the stream begins anew with the request as it is now, among new filters.
import type { HeaderMap } from '../http/index.ts'
import { StreamInfo } from '../observability/index.ts'
import type { ActiveStream } from './active-stream.ts'

export function recreateStream(stream: ActiveStream, body: Buffer | null, trailers: HeaderMap | null): void {
  const { manager, info } = stream
  stream.endFilters(false)
  manager.countRequest()
  const next = new StreamInfo(manager.info, stream.thread.clock.now)
  next.protocol = info.protocol
  next.schemeMatchesUpstream = info.schemeMatchesUpstream
  next.filterState = info.filterState
  next.downstreamBytes = info.downstreamBytes
  next.lastDownstreamRxByteUs = 0
  // As Envoy: what is handed to the filters again counts again.
  next.bytesReceived = info.bytesReceived + (body?.length ?? 0)
  stream.info = next
  // The route says anew what is logged of it.
  stream.clearRouteCache()
  const chain = stream.createChain()
  chain.decodeHeaders(stream.requestHeaders as HeaderMap, body === null && trailers === null)
  if (body !== null && !stream.ended) chain.decodeData(body, 0, body.length, trailers === null)
  if (trailers !== null && !stream.ended) chain.decodeTrailers(trailers)
}
