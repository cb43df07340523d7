// Informational responses: 100 Continue of the proxy's own, and what the upstream sends before its answer.
import * as http from '../http/index.ts'
import { HeaderMap } from '../http/index.ts'
import type { ActiveStream } from './active-stream.ts'
import { removeHopByHop } from './request-headers.ts'
import { echoRequestId } from './response-headers.ts'
import { chargeInterim } from './response-stats.ts'

/** The client waits for leave to send its body. */
export function sendContinue(stream: ActiveStream): void {
  const interim = HeaderMap.acquire()
  interim.status = 100
  sendInterim(stream, interim)
  HeaderMap.release(interim)
}

/** Takes `headers`. */
export function passInterim(stream: ActiveStream, headers: HeaderMap): void {
  // The first one only (Envoy).
  if (http.isKnownInterim(headers.status) && stream.manager.plan.proxy100Continue && !stream.interimSent) {
    removeHopByHop(headers, false)
    echoRequestId(stream, headers)
    sendInterim(stream, headers)
  }
  HeaderMap.release(headers)
}

function sendInterim(stream: ActiveStream, headers: HeaderMap): void {
  if (stream.info.protocol === 'HTTP/1.0') return
  stream.interimSent = true
  chargeInterim(stream.manager)
  stream.encoder.encode1xxHeaders(headers)
}
