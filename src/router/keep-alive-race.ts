// The keep-alive race: an origin closes an idle connection while a request is on its way to it, and answers nothing.
import type { ResetReason } from '../http/index.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** Methods that do no harm when they reach an origin twice (RFC 9110, 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
/** No origin takes a connection for idle sooner. */
const RACE_IDLE_MS = 20
/** A request that is older than a round trip takes was received: its end is the origin's answer to it. */
const RACE_MS = 250

/**
 * Whether a lost attempt may silently go once more, over a fresh connection. A safe request may, when the connection had
 * been used before; an unsafe one is never sent twice. After GOAWAY the origin has promised that it did not touch the
 * request: then any method may (RFC 9113, 8.7). `complete`: all of the request has been received.
 */
export function mayGoAgain(
  request: UpstreamRequest,
  reason: ResetReason,
  detail: string | null,
  method: string,
  complete: boolean,
): boolean {
  if (!request.reused || request.responseStarted) return false
  if (reason === 'connection_termination' && request.ageMs > RACE_MS) return false
  if (reason === 'remote_refused_stream_reset') return detail === 'http2.goaway'
  // A reset without a FIN on a connection that was just in use is the origin's answer to this very request.
  if (detail === 'ECONNRESET' && request.idleMs < RACE_IDLE_MS) return false
  return reason === 'connection_termination' && SAFE_METHODS.has(method) && complete
}
