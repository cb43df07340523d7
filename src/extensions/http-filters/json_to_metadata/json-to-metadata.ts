// HOT FILE (docs/hot-path.md): fields of JSON bodies become dynamic metadata; a body is held until it is whole.
import {
  CONTENT_TYPE,
  FilterContinue,
  type FilterDirection,
  FilterStop,
  FilterStopAndBuffer,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { parseBody } from './body.ts'
import { applyError, applyMissing, applyRule } from './extract.ts'
import type { BothRules, MatchRules } from './rules.ts'
import * as S from './stats.ts'

export interface JsonToMetadataShared {
  readonly rules: BothRules
  readonly requestStats: StatBlock
  readonly responseStats: StatBlock
}

export class JsonToMetadataFilter extends HttpFilter {
  private readonly shared: JsonToMetadataShared
  /** Of the message whose body is read; null: it is not. */
  private request: MatchRules | null = null
  private response: MatchRules | null = null

  constructor(shared: JsonToMetadataShared) {
    super()
    this.shared = shared
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { request } = this.rules()
    if (request === null || !this.begin(request, this.shared.requestStats, headers, endStream)) return FilterContinue
    this.request = request
    return FilterStop
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const { response } = this.rules()
    if (response === null || !this.begin(response, this.shared.responseStats, headers, endStream)) return FilterContinue
    this.response = response
    return FilterStop
  }

  private rules(): BothRules {
    return (this.routePlan() as BothRules | null) ?? this.shared.rules
  }

  /** True: the body is to be read. */
  private begin(rules: MatchRules, stats: StatBlock, headers: HeaderMap, endStream: boolean): boolean {
    const { info } = this.callbacks
    if (!rules.allows(headers.get(CONTENT_TYPE))) {
      stats.cells[S.MISMATCHED]! += 1
      for (const rule of rules.rules) applyError(rule, info)
      return false
    }
    if (!endStream) return true
    stats.cells[S.NO_BODY]! += 1
    for (const rule of rules.rules) applyMissing(rule, info)
    return false
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.request === null) return FilterContinue
    return this.onData(this.callbacks.decoding, data.subarray(start, end), endStream)
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    if (this.response === null) return FilterContinue
    return this.onData(this.callbacks.encoding, data.subarray(start, end), endStream)
  }

  private onData(direction: FilterDirection, piece: Buffer, endStream: boolean): HttpFilterStatus {
    const held = direction.held(this)
    // What is too large is refused by being held, whether it comes at once or in pieces.
    const tooLarge = (held?.length ?? 0) + piece.length > this.callbacks.bufferLimitBytes
    if (!endStream || tooLarge) return FilterStopAndBuffer
    this.read(direction, held === null ? piece : Buffer.concat([held.toBuffer(), piece]))
    return FilterContinue
  }

  override decodeTrailers(): HttpFilterStatus {
    if (this.request !== null) this.readHeld(this.callbacks.decoding)
    return FilterContinue
  }

  override encodeTrailers(): HttpFilterStatus {
    if (this.response !== null) this.readHeld(this.callbacks.encoding)
    return FilterContinue
  }

  private readHeld(direction: FilterDirection): void {
    this.read(direction, direction.held(this)?.toBuffer() ?? NO_BYTES)
  }

  private read(direction: FilterDirection, body: Buffer): void {
    const isRequest = direction === this.callbacks.decoding
    const rules = (isRequest ? this.request : this.response) as MatchRules
    const { cells } = isRequest ? this.shared.requestStats : this.shared.responseStats
    const { info } = this.callbacks
    if (body.length === 0) {
      cells[S.NO_BODY]! += 1
      for (const rule of rules.rules) applyMissing(rule, info)
      return
    }
    const parsed = parseBody(body)
    cells[parsed === null ? S.INVALID : S.SUCCESS]! += 1
    for (const rule of rules.rules) {
      if (parsed === null) applyError(rule, info)
      else applyRule(rule, parsed.root, info)
    }
  }
}

const NO_BYTES = Buffer.alloc(0)
