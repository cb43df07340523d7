// Requests and attempts that have used up their time.
import { ResponseFlag } from '../observability/index.ts'
import { CLUSTER_SLOTS as C, HOST_RQ_ERROR, HOST_RQ_TIMEOUT, type Host } from '../upstream/index.ts'
import { chargeStatus } from './charges.ts'
import { RetryNo, type RetryState, RetryYes } from './retry-state.ts'
import type { RouterFilter } from './router-filter.ts'
import { replyFromRouter } from './router-replies.ts'
import { countSlices, RQ_TIMEOUT } from './slice-stats.ts'
import type { UpstreamRequest } from './upstream-request.ts'
import { chargeCutCall } from './upstream-reset.ts'

/** The route's timeout. */
export function onResponseTimeout(router: RouterFilter): void {
  const { upstream, info, further } = router
  router.upstream = null
  info.flags |= ResponseFlag.UpstreamRequestTimeout
  if (upstream !== null) {
    const phase = upstream.responseStarted ? 'response_body' : 'response_headers'
    info.cause = upstream.cause(phase, 'response_timeout', null)
    timeOutAttempt(router, upstream)
  }
  // As in Envoy each of them is counted, and none while a retry waits for its time.
  for (const attempt of further?.takeHedged() ?? []) timeOutAttempt(router, attempt)
  replyTimeout(router, 'response_timeout')
}

function timeOutAttempt(router: RouterFilter, attempt: UpstreamRequest): void {
  router.cluster.stats.cells[C.upstream_rq_timeout]! += 1
  countSlices(router.slices, RQ_TIMEOUT)
  attempt.host.cells[HOST_RQ_TIMEOUT]! += 1
  if (!attempt.responseStarted) {
    attempt.noteTimeout(router.timeouts.status)
    chargeTimeout(router, attempt.host)
  }
  attempt.abandon()
}

export function onPerTryTimeout(router: RouterFilter, request: UpstreamRequest): void {
  if (router.upstream !== request || router.responseStarted || router.interim || router.done) return
  if (router.timeouts.hedges) {
    hedge(router, request)
    return
  }
  endTry(router, request, C.upstream_rq_per_try_timeout, 'upstream_per_try_timeout')
}

export function onPerTryIdleTimeout(router: RouterFilter, request: UpstreamRequest): void {
  if (router.upstream !== request || router.done) return
  if (router.timeouts.hedges) {
    if (!router.responseStarted) hedge(router, request)
    return
  }
  endTry(router, request, C.upstream_rq_per_try_idle_timeout, 'upstream_per_try_idle_timeout')
}

function hedge(router: RouterFilter, request: UpstreamRequest): void {
  request.noteTimeout(router.timeouts.status)
  const { retry } = router
  if (retry === null) return
  const decision = retry.onHedge()
  if (decision === RetryYes) router.furtherAttempts().hedge(request, retry.backOffMs(null))
  else retry.noteDecision(decision, request, router.info)
}

/** An attempt has used up its time. */
function endTry(router: RouterFilter, request: UpstreamRequest, slot: number, details: string): void {
  const { info, retry, responseStarted } = router
  router.thread.buffers.enter()
  router.cluster.stats.cells[slot]! += 1
  request.host.cells[HOST_RQ_TIMEOUT]! += 1
  request.noteTimeout(router.timeouts.status)
  info.cause = request.cause(responseStarted ? 'response_body' : 'response_headers', details, null)
  router.upstream = null
  request.span?.onTimeout()
  request.abandon()
  const decision = retry === null || responseStarted ? RetryNo : retry.onPerTryTimeout()
  if (decision === RetryYes) {
    request.host.cells[HOST_RQ_ERROR]! += 1
    router.furtherAttempts().scheduleAfterTimeout((retry as RetryState).backOffMs(null))
  } else {
    retry?.noteDecision(decision, request, info)
    info.flags |= ResponseFlag.UpstreamRequestTimeout
    if (responseStarted) chargeCutCall(router, request)
    else chargeTimeout(router, request.host)
    replyTimeout(router, details)
  }
  router.thread.buffers.leave()
}

function chargeTimeout(router: RouterFilter, host: Host): void {
  if (router.interim) return
  const { status } = router.timeouts
  chargeStatus(router, status, host, false)
  if (status < 500) host.cells[HOST_RQ_ERROR]! += 1
}

/** Where the response's head is out already the stream is reset. */
function replyTimeout(router: RouterFilter, details: string): void {
  const { status } = router.timeouts
  replyFromRouter(router, status, status === 204 ? '' : 'upstream request timeout', details)
}
