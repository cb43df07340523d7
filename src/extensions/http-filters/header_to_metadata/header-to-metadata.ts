// HOT FILE (docs/hot-path.md): headers and cookies become dynamic metadata.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { type StatBlock, setDynamicMetadata } from '../../../observability/index.ts'
import type { Rule, RuleSet, Target } from './rules.ts'
import * as S from './stats.ts'

/** Envoy's limit: such values and longer ones are left out. */
const MAX_VALUE_BYTES = 8192
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^0x[0-9a-f]+$/i
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export class HeaderToMetadataFilter extends HttpFilter {
  private readonly own: RuleSet
  private readonly stats: StatBlock | null

  constructor(rules: RuleSet, stats: StatBlock | null) {
    super()
    this.own = rules
    this.stats = stats
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.run(this.rules().request, headers, S.REQUEST)
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.run(this.rules().response, headers, S.RESPONSE)
    return FilterContinue
  }

  private rules(): RuleSet {
    return (this.routePlan() as RuleSet | null) ?? this.own
  }

  private count(slot: number): void {
    if (this.stats !== null) this.stats.cells[slot]! += 1
  }

  private run(rules: readonly Rule[], headers: HeaderMap, slots: S.DirectionSlots): void {
    for (let i = 0; i < rules.length; i++) {
      this.count(slots.processed)
      const { source, onPresent, onMissing, remove } = rules[i]!
      const value = source.read(headers)
      if (value !== undefined && remove) source.remove(headers)
      const target = value === undefined ? onMissing : onPresent
      if (target === null) continue
      // As Envoy: where nobody asks for what is missing, it is not counted.
      if (value === undefined) this.count(slots.notFound)
      if (this.write(target, value ?? target.constant)) this.count(slots.added)
    }
  }

  private write(target: Target, found: string): boolean {
    const { rewrite, constant } = target
    const text = rewrite === null ? constant || found : rewrite(found)
    if (text === '') {
      if (rewrite !== null && found !== '') this.count(S.REWRITE_FAILED)
      return false
    }
    if (text.length >= MAX_VALUE_BYTES) {
      this.count(S.TOO_LONG)
      return false
    }
    const decoded = target.isBase64 ? fromBase64(text) : text
    if (decoded === '') this.count(S.BASE64_FAILED)
    if (decoded === '' || (target.isNumber && !NUMBER.test(decoded))) return false
    const value = target.isNumber ? Number(decoded) : decoded
    setDynamicMetadata(this.callbacks.info, target.namespace, { [target.key]: value })
    return true
  }
}

/** '' where it is none. */
function fromBase64(text: string): string {
  return BASE64.test(text) ? Buffer.from(text, 'base64').toString('latin1') : ''
}
