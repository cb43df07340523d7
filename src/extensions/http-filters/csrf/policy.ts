import type { CsrfPolicyJson } from '#api/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  type StringPredicate,
} from '../../../config/index.ts'
import { RuntimeFraction } from '../../../net/index.ts'

declareSupport('envoy.extensions.filters.http.csrf.v3.CsrfPolicy', {
  supported: ['filter_enabled', 'shadow_enabled', 'additional_origins'],
})

export class CsrfPolicy {
  readonly enabled: RuntimeFraction
  readonly shadow: RuntimeFraction | null
  /** Matched against `host:port` of the source origin. */
  readonly additionalOrigins: readonly StringPredicate[]

  constructor(json: CsrfPolicyJson, context: CompileContext, path: ConfigPath) {
    this.enabled = new RuntimeFraction(json.filterEnabled ?? {})
    this.shadow = json.shadowEnabled === undefined ? null : new RuntimeFraction(json.shadowEnabled)
    const at = path.field('additional_origins')
    this.additionalOrigins = (json.additionalOrigins ?? []).map((matcher, i) =>
      compileStringMatcher(matcher, context, at.index(i)),
    )
    Object.freeze(this)
  }
}
