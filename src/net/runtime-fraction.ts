// HOT FILE (docs/hot-path.md): core.v3.RuntimeFractionalPercent as filters ask it: drawn anew each time.
import type { RuntimeFractionalPercentJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { type FractionOf, fractionalPercent } from '../config/index.ts'
import type { ThreadContext } from './thread.ts'

/** A share of requests; runtime may say otherwise at any time. */
export class RuntimeFraction {
  private readonly fraction: FractionOf
  private readonly key: string | undefined
  /** Without a key the answer is known where the share is none or all. */
  private readonly constant: boolean | null

  constructor(json: RuntimeFractionalPercentJson) {
    this.fraction = fractionalPercent(json.defaultValue)
    this.key = json.runtimeKey === '' ? undefined : json.runtimeKey
    const { numerator, denominator } = this.fraction
    const all = numerator >= denominator
    this.constant = this.key === undefined && (all || numerator === 0) ? all : null
  }

  enabled(thread: ThreadContext): boolean {
    if (this.constant !== null) return this.constant
    return thread.runtime.snapshot.featureEnabled(this.key, this.fraction, thread.random())
  }
}
