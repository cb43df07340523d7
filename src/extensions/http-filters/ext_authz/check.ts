// What the filter asks and what it is told, whichever way the service is reached.
import type { HeaderMap, HeaderName } from '../../../http/index.ts'
import type { StreamInfo } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'

export interface CheckSubject {
  readonly headers: HeaderMap
  readonly info: StreamInfo
  /** Null: the body is not part of the question. */
  readonly body: Buffer | null
  /** There is more of the body than `body` holds. */
  readonly partial: boolean
  readonly contextExtensions: Readonly<Record<string, string>>
  readonly routeMetadata: object | null
}

export const SetHeader = 0
export const AddHeader = 1
export const AppendHeader = 2
export const SetIfPresent = 3
export const AddIfAbsent = 4
/** Behind the value that is there, with a comma; nothing where there is none. */
export const JoinHeader = 5

export interface HeaderChange {
  readonly name: HeaderName
  readonly value: string
  readonly kind:
    | typeof SetHeader
    | typeof AddHeader
    | typeof AppendHeader
    | typeof SetIfPresent
    | typeof AddIfAbsent
    | typeof JoinHeader
}

export interface CheckResult {
  readonly outcome: 'ok' | 'denied' | 'error'
  /** Of a denial: the answer to the client. */
  readonly status: number
  /** latin1 */
  readonly body: string
  readonly clientHeaders: readonly HeaderChange[]
  /** Of a permission: changes of the request, and of the response later. */
  readonly requestChanges: readonly HeaderChange[]
  readonly requestRemovals: readonly HeaderName[]
  readonly responseChanges: readonly HeaderChange[]
  readonly querySet: readonly { readonly key: string; readonly value: string }[]
  readonly queryRemove: readonly string[]
  readonly metadata: Record<string, unknown> | null
}

const NOTHING: CheckResult = {
  outcome: 'error',
  status: 0,
  body: '',
  clientHeaders: [],
  requestChanges: [],
  requestRemovals: [],
  responseChanges: [],
  querySet: [],
  queryRemove: [],
  metadata: null,
}

export const CHECK_FAILED: CheckResult = NOTHING

export function checkResult(fields: Partial<CheckResult>): CheckResult {
  return { ...NOTHING, ...fields }
}

export interface CheckCallbacks {
  onCheckComplete(result: CheckResult): void
}

/** One way to ask. The callback may come before `check` returns. */
export interface CheckService {
  /** Loads what it needs, once per thread. */
  prepare(): void
  check(thread: UpstreamThread, subject: CheckSubject, callbacks: CheckCallbacks): { cancel(): void }
}
