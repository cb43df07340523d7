// HOT FILE (docs/hot-path.md): headers and cookies become dynamic metadata.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { setDynamicMetadata } from '../../../observability/index.ts'
import type { Rule, RuleSet, Target } from './rules.ts'

/** Envoy's limit: such values and longer ones are left out. */
const MAX_VALUE_BYTES = 8192
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^0x[0-9a-f]+$/i
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export class HeaderToMetadataFilter extends HttpFilter {
  private readonly own: RuleSet

  constructor(rules: RuleSet) {
    super()
    this.own = rules
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.run(this.rules().request, headers)
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.run(this.rules().response, headers)
    return FilterContinue
  }

  private rules(): RuleSet {
    return (this.routePlan() as RuleSet | null) ?? this.own
  }

  private run(rules: readonly Rule[], headers: HeaderMap): void {
    for (let i = 0; i < rules.length; i++) {
      const { source, onPresent, onMissing, remove } = rules[i]!
      const value = source.read(headers)
      if (value !== undefined && remove) source.remove(headers)
      if (value !== undefined && onPresent !== null) this.write(onPresent, value)
      else if (value === undefined && onMissing !== null) this.write(onMissing, onMissing.constant)
    }
  }

  private write(target: Target, found: string): void {
    const { rewrite, constant } = target
    const text = rewrite === null ? constant || found : rewrite(found)
    if (text === '' || text.length >= MAX_VALUE_BYTES) return
    const decoded = target.isBase64 ? fromBase64(text) : text
    if (decoded === '' || (target.isNumber && !NUMBER.test(decoded))) return
    const value = target.isNumber ? Number(decoded) : decoded
    setDynamicMetadata(this.callbacks.info, target.namespace, { [target.key]: value })
  }
}

/** '' where it is none. */
function fromBase64(text: string): string {
  return BASE64.test(text) ? Buffer.from(text, 'base64').toString('latin1') : ''
}
