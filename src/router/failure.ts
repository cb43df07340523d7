// The one place where an attempt's failure becomes flag, status, details and words (docs/errors.md).
import type { ResetReason } from '../http/index.ts'
import { connectFailureText } from '../net/index.ts'
import { type ResponseCause, ResponseFlag } from '../observability/index.ts'
import { type Host, LIMIT_NAMES, Requests } from '../upstream/index.ts'
import type { UpstreamRequest } from './upstream-request.ts'

export interface Failure {
  readonly reason: ResetReason
  readonly flag: number
  readonly status: number
  /** What stands in the response code details between braces. */
  readonly text: string
  /** What the client reads. */
  readonly reasonText: string
  /** %UPSTREAM_TRANSPORT_FAILURE_REASON%. */
  readonly transportReason: string | null
  readonly cause: ResponseCause
  /** Whose failure it is; null: the breaker refused before there was a connection. */
  readonly host: Host | null
}

const WORDS: Readonly<Record<ResetReason, readonly [text: string, flag: number, status: number]>> = {
  local_reset: ['local reset', ResponseFlag.LocalReset, 503],
  remote_reset: ['remote reset', ResponseFlag.UpstreamRemoteReset, 503],
  connection_failure: ['remote connection failure', ResponseFlag.UpstreamConnectionFailure, 503],
  connection_timeout: ['connection timeout', ResponseFlag.UpstreamConnectionFailure, 503],
  connection_termination: ['connection termination', ResponseFlag.UpstreamConnectionTermination, 503],
  overflow: ['overflow', ResponseFlag.UpstreamOverflow, 503],
  protocol_error: ['protocol error', ResponseFlag.UpstreamProtocolError, 502],
  local_refused_stream_reset: ['local refused stream reset', ResponseFlag.LocalReset, 503],
  remote_refused_stream_reset: ['remote refused stream reset', ResponseFlag.UpstreamRemoteReset, 503],
}

const REQUESTS = `.${LIMIT_NAMES[Requests]}`

export function failureOf(request: UpstreamRequest, reason: ResetReason, detail: string | null): Failure {
  const [words, flag, status] = WORDS[reason]
  const connecting = request.failure === 'connection_failure' && detail !== null
  const transportReason = connecting ? connectFailureText(detail) : null
  const text = (transportReason === null ? words : `${words}|${transportReason}`).replaceAll(' ', '_')
  const phase =
    request.failure === 'overflow'
      ? 'pool'
      : request.failure !== null
        ? 'connect'
        : request.responseStarted
          ? 'response_body'
          : request.requestComplete
            ? 'response_headers'
            : 'request'
  // The details are Envoy's; the cause says which limit it was as well.
  const overflow = request.failure === 'overflow' && detail !== null
  const cause = overflow ? request.cause(phase, `${words}{${detail}}`, null) : request.cause(phase, words, detail)
  // The limit of requests is asked last, for a connection that is ready.
  const host = reason !== 'overflow' || detail?.endsWith(REQUESTS) === true ? request.host : null
  return { reason, flag, status, text, reasonText: words, transportReason, cause, host }
}
