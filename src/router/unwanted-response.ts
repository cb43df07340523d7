// Responses that a retry takes the place of.
import { HeaderMap } from '../http/index.ts'
import { HOST_RQ_ERROR } from '../upstream/index.ts'
import { RetryNo, type RetryState, RetryYes } from './retry-state.ts'
import type { RouterFilter } from './router-filter.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** Whether another attempt takes the place of this answer. */
export function retriesResponse(
  router: RouterFilter,
  retry: RetryState,
  request: UpstreamRequest,
  headers: HeaderMap,
): boolean {
  let unwanted: boolean
  if (router.further?.isHedged(request) === true) {
    // It has had its retry when it took too long.
    unwanted = retry.wantsRetryOf(headers)
  } else {
    // The decision may move the request to another cluster.
    const { cluster } = router
    const decision = retry.onHeaders(headers)
    if (decision === RetryYes) {
      cluster.codeStats.chargeRetry(headers.status)
      const backOffMs = retry.backOffMs(headers)
      discard(request, headers)
      router.furtherAttempts().scheduleBeside(request, backOffMs)
      return true
    }
    retry.noteDecision(decision, request, router.info)
    unwanted = decision !== RetryNo
  }
  const { further } = router
  if (!unwanted || further === null || !further.awaitsAnother(request)) return false
  // An attempt beside it may still do better.
  further.remove(request)
  if (router.upstream === request) router.upstream = null
  discard(request, headers)
  return true
}

/** Whatever its status, an answer that is not wanted is the host's error. */
function discard(request: UpstreamRequest, headers: HeaderMap): void {
  request.host.cells[HOST_RQ_ERROR]! += 1
  HeaderMap.release(headers)
  request.abandon()
}
