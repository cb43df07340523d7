// The contract of health checkers: how one host is asked, in one protocol. What an answer means for the host is decided
// elsewhere (check-state.ts).
import type { RequestEncoder, ResponseDecoder } from '../../http/index.ts'
import type { Address, Connection, ThreadContext } from '../../net/index.ts'

/** envoy.data.core.v3.HealthCheckerType. */
export type CheckerType = 'HTTP' | 'TCP' | 'GRPC' | 'REDIS'

/** envoy.data.core.v3.HealthCheckFailureType. */
export type CheckFailure = 'ACTIVE' | 'PASSIVE' | 'NETWORK' | 'NETWORK_TIMEOUT'

/** Hears the end of each check, once per `begin`. */
export interface CheckResults {
  onCheckPassed(degraded: boolean): void
  /** `retriable`: needs unhealthy_threshold failures in a row like network failures; a definite answer needs one. */
  onCheckFailed(failure: CheckFailure, httpStatus: number, retriable: boolean): void
  /** The answer's x-envoy-immediate-health-check-fail, before onCheckFailed. */
  onExcluded(): void
  /** An answer was compared with service_name_matcher. */
  onClusterVerified(): void
}

/** Whom to ask, and what a checker may use. */
export interface CheckTarget {
  readonly thread: ThreadContext
  readonly clusterName: string
  /** 'cluster.<name>.' */
  readonly statPrefix: string
  /** Where checks go: the endpoint's health_check_config may say another address or port than traffic takes. */
  readonly address: Address
  /** Host name for checks of endpoint or configuration; '' when neither has one. */
  readonly hostname: string
  readonly timeoutMs: number
  /** False: every check opens its own connection. */
  readonly reuseConnection: boolean
  /** Opens a connection to `address` through the cluster's transport socket. */
  connect(): Connection
}

/** One check that asks by an HTTP request. */
export interface CheckRequest extends ResponseDecoder {
  /** There is a connection, `secure` or plain: send the request. */
  send(encoder: RequestEncoder, secure: boolean): void
}

/** Where a check's HTTP request goes. */
export interface CheckStreams {
  /** Finds or makes a connection for a request. A reset comes where the connection ends first. */
  begin(request: CheckRequest): void
  /** Ends the connection; the request under way hears nothing. */
  close(): void
}

/** Checks one host, again and again. */
export interface HostCheck {
  /** Begins a check; the one before has ended. */
  begin(): void
  /** The check under way took too long: drop it, nothing more is heard of it. */
  timeOut(): void
  /** The host goes: end everything silently. */
  close(): void
}

/** What a checker's configuration compiles to. */
export interface CheckerPlan {
  readonly type: CheckerType
  /** Host name to ask for where the endpoint has none of its own; '' for none. */
  readonly host: string
  open(target: CheckTarget, results: CheckResults): HostCheck
}
