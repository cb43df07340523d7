// Attempts that end without a response, or in the middle of it.
import * as http from '../http/index.ts'
import { type HeaderMap, HttpStats, type ResetReason } from '../http/index.ts'
import { HOST_RQ_ERROR } from '../upstream/index.ts'
import { chargeStatus } from './charges.ts'
import { type Failure, failureOf } from './failure.ts'
import { mayGoAgain } from './keep-alive-race.ts'
import { RetryYes } from './retry-state.ts'
import type { RouterFilter } from './router-filter.ts'
import { replyFromRouter } from './router-replies.ts'
import type { UpstreamRequest } from './upstream-request.ts'

export function onReset(
  router: RouterFilter,
  request: UpstreamRequest,
  reason: ResetReason,
  detail: string | null,
): void {
  if (router.done) return
  const { info, further, retry } = router
  const hedged = further?.isHedged(request) === true
  if (router.upstream !== request && !hedged) return
  const failure = failureOf(request, reason, detail)
  request.span?.fail(failure)
  info.cause = failure.cause
  info.upstreamTransportFailureReason = failure.transportReason
  further?.remove(request)
  if (router.upstream === request) router.upstream = null
  const goesAgain = !hedged && goesAgainUnseen(router, request, reason, detail)
  if (reason !== 'overflow' && !goesAgain) request.host.monitor?.outlier?.putConnectFailure()
  if (router.responseStarted) {
    chargeCutCall(router, request)
    fail(router, failure)
    return
  }
  if (goesAgain) {
    request.host.cells[HOST_RQ_ERROR]! += 1
    router.attempt(true, request.host)
    return
  }
  // An attempt that timed out has had its retry.
  if (retry !== null && !hedged) {
    const decision = retry.onReset(reason, request.encoder !== null)
    if (decision === RetryYes) {
      request.host.cells[HOST_RQ_ERROR]! += 1
      router.furtherAttempts().schedule(retry.backOffMs(null))
      return
    }
    retry.noteDecision(decision, request, info)
  }
  // Who has had an interim answer is charged to nobody (Envoy).
  if (!router.interim) chargeStatus(router, failure.status, failure.host, false)
  // One that timed out may still be answered: the client waits for it.
  if (further?.awaitsAnother(request) !== true) fail(router, failure)
}

/** The client need not know: the attempt goes once more, over a fresh connection. */
function goesAgainUnseen(
  { interim, copy, headers, requestEnd }: RouterFilter,
  request: UpstreamRequest,
  reason: ResetReason,
  detail: string | null,
): boolean {
  if (interim || copy?.lost === true) return false
  return mayGoAgain(request, reason, detail, (headers as HeaderMap).method, requestEnd)
}

/** A gRPC call ends without the trailers that would tell how. */
export function chargeCutCall({ callbacks }: RouterFilter, request: UpstreamRequest): void {
  if (!request.grpcUnderWay) return
  request.host.cells[HOST_RQ_ERROR]! += 1
  callbacks.httpStats.cells[HttpStats.RQ_RESET_AFTER_DOWNSTREAM_RESPONSE_STARTED]! += 1
}

/** Answers for the last attempt, which is charged already; where the response's head is out the stream is reset. */
function fail(router: RouterFilter, failure: Failure): void {
  const { info, plan } = router
  info.flags |= failure.flag
  const retried = router.attempts > 1
  const prefix = 'upstream connect error or disconnect/reset before headers. '
  const body = `${prefix}${retried ? 'retried and the latest ' : ''}reset reason: ${failure.reasonText}`
  const answered = router.interim || router.responseStarted
  const details = `upstream_reset_${answered ? 'after' : 'before'}_response_started{${failure.text}}`
  const overflow = failure.reason === 'overflow'
  if (overflow) router.cluster.noteDropped(false)
  const overloaded = overflow && !plan.suppressEnvoyHeaders
  replyFromRouter(router, failure.status, body, details, reply => {
    if (overloaded) reply.append(http.X_ENVOY_OVERLOADED, 'true')
  })
}
