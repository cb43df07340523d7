import type { RbacSubject } from './rule.ts'

/** What is decided about a subject; made when the plan is. */
export interface RbacDecision {
  /** The policy, or the matcher's action, that matched; null: none did. */
  readonly policy: string | null
  readonly allowed: boolean
  /** What access loggers are to be told; null: nothing. */
  readonly logHint: boolean | null
}

export interface RbacDecider {
  readonly policyNames: readonly string[]
  decide(subject: RbacSubject): RbacDecision
}

export function decision(policy: string | null, allowed: boolean, logHint: boolean | null): RbacDecision {
  return Object.freeze({ policy, allowed, logHint })
}
