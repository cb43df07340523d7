// What of a body is kept while its request may still be tried again, and what becomes of a body that is too large for that.
import { CLUSTER_SLOTS as C } from '../upstream/index.ts'
import { REPLAY_BYTES, type RequestCopy } from './request-copy.ts'
import type { RouterFilter } from './router-filter.ts'
import { replyFromRouter } from './router-replies.ts'

/** A body over the limit is not tried again; false: a retry was waiting for its time, so that nobody is left to answer. */
export function keepsBody(router: RouterFilter, copy: RequestCopy, data: Buffer, start: number, end: number): boolean {
  const { retry, route } = router
  const whole = retry !== null || route.internalRedirect !== null
  if (copy.add(data, start, end, whole ? limitOf(router) : REPLAY_BYTES)) return true
  if (retry === null) return true
  router.cluster.stats.cells[C.retry_or_shadow_abandoned]! += 1
  retry.destroy()
  router.retry = null
  if (router.upstream !== null || router.further?.anyHedged === true) return true
  const body = 'exceeded request buffer limit while retrying upstream'
  replyFromRouter(router, 507, body, 'request_payload_exceeded_retry_buffer_limit')
  return false
}

/** The route's own limit counts here, whatever filters may buffer. */
function limitOf({ route, callbacks }: RouterFilter): number {
  return route.bufferLimitBytes >= 0 ? route.bufferLimitBytes : callbacks.bufferLimitBytes
}
