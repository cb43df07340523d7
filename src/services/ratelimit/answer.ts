import type { Limit } from './limiter/limit.ts'

/** RateLimitResponse.Code. */
export const CodeOk = 1
export const CodeOverLimit = 2
export type Code = typeof CodeOk | typeof CodeOverLimit

export const MAX_UINT32 = 0xffff_ffff

/** What is said about one descriptor. */
export interface Status {
  readonly code: Code
  /** Null: no limit applied. */
  readonly limit: Limit | null
  readonly remaining: number
  /** -1: not told. */
  readonly secondsUntilReset: number
}

export interface Answer {
  readonly overallCode: Code
  readonly statuses: readonly Status[]
  /** Name and value, for the response to the client. */
  readonly responseHeaders: readonly (readonly [string, string])[]
}

/** Why there is no answer. */
export interface Failure {
  /** 'request': the question is wrong. 'store': the counters are out of reach. */
  readonly kind: 'request' | 'store'
  readonly message: string
}

/** Hears the outcome of a question, perhaps within the call that asks. */
export interface AnswerCallbacks {
  onAnswer(answer: Answer): void
  onFailure(failure: Failure): void
}
