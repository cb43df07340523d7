// The context of a trace in Datadog's headers, and in W3C's with Datadog's part of tracestate.
import { type HeaderLookup, readTraceParent, type TraceCarrier } from '../../../observability/index.ts'

const TRACE_ID = 'x-datadog-trace-id'
const PARENT_ID = 'x-datadog-parent-id'
const PRIORITY = 'x-datadog-sampling-priority'
const ORIGIN = 'x-datadog-origin'
const TAGS = 'x-datadog-tags'
const TRACEPARENT = 'traceparent'
const TRACESTATE = 'tracestate'

const ZERO = '0000000000000000'
const U64 = /^\d{1,20}$/
const MAX_U64 = 0xffffffffffffffffn
const SIGNED = /^-?\d{1,4}$/
const HIGH = /^[0-9a-f]{16}$/
/** Such tags travel with the trace. */
const TRAVELLING = /^_dd\.p\.[\x21-\x2b\x2d-\x3c\x3e-\x7e]+$/
const TAG_VALUE = /^[\x20-\x2b\x2d-\x7e]*$/
const MAX_TAGS_LENGTH = 512
export const DECISION_MAKER = '_dd.p.dm'
const HIGH_BITS = '_dd.p.tid'

/** What came with a request; ids in hex. */
export interface DatadogContext {
  readonly traceId: string
  readonly parentId: string
  /** Null: nobody has decided yet. */
  readonly priority: number | null
  readonly origin: string
  /** Without the trace id's upper half. */
  readonly tags: ReadonlyMap<string, string>
  /** The last span of Datadog's on the way, by tracestate; '': there was no W3C context. */
  readonly lastParent: string
  /** What others have said in tracestate. */
  readonly otherStates: string
}

/** Null: a trace begins; so it does where the headers cannot be understood, as in Envoy. */
export function extract(headers: HeaderLookup): DatadogContext | null {
  const traceId = headers.lookup(TRACE_ID)
  if (traceId !== undefined) return fromDatadog(traceId, headers)
  const parent = headers.lookup(TRACEPARENT)
  return parent === undefined ? null : fromW3c(parent, headers.lookup(TRACESTATE) ?? '')
}

function fromDatadog(traceText: string, headers: HeaderLookup): DatadogContext | null {
  const low = hexOf(traceText)
  const parentId = hexOf(headers.lookup(PARENT_ID) ?? '0')
  const priority = headers.lookup(PRIORITY)
  if (low === null || parentId === null || low === ZERO) return null
  if (priority !== undefined && !SIGNED.test(priority)) return null
  const tags = readTags(headers.lookup(TAGS) ?? '')
  const high = tags.get(HIGH_BITS) ?? ''
  tags.delete(HIGH_BITS)
  return {
    traceId: (HIGH.test(high) ? high : ZERO) + low,
    parentId,
    priority: priority === undefined ? null : Number(priority),
    origin: headers.lookup(ORIGIN) ?? '',
    tags,
    lastParent: '',
    otherStates: '',
  }
}

function fromW3c(text: string, states: string): DatadogContext | null {
  const parent = readTraceParent(text)
  if (parent === null) return null
  const all = states.split(',').map(state => state.trim())
  const own = all.find(state => state.startsWith('dd='))?.slice(3) ?? ''
  const fields = new Map(own.split(';').map(field => cut(field, ':')))
  const said = fields.get('s') ?? ''
  const byFlag = parent.sampled ? 1 : 0
  // The flag is everybody's, the priority Datadog's own: where they disagree the flag holds.
  const agrees = SIGNED.test(said) && Number(said) > 0 === parent.sampled
  const tags = new Map<string, string>()
  for (const [name, value] of fields) {
    const key = name.startsWith('t.') ? `_dd.p.${name.slice(2)}` : ''
    if (TRAVELLING.test(key)) tags.set(key, value.replaceAll('~', '='))
  }
  return {
    traceId: parent.traceId,
    parentId: parent.spanId,
    priority: agrees ? Number(said) : byFlag,
    origin: (fields.get('o') ?? '').replaceAll('~', '='),
    tags,
    lastParent: HIGH.test(fields.get('p') ?? '') ? (fields.get('p') as string) : ZERO,
    otherStates: all.filter(state => state !== '' && !state.startsWith('dd=')).join(','),
  }
}

const cut = (text: string, at: string): readonly [string, string] => {
  const index = text.indexOf(at)
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}

function readTags(text: string): Map<string, string> {
  const tags = new Map<string, string>()
  if (text.length > MAX_TAGS_LENGTH) return tags
  for (const part of text.split(',')) {
    const [name, value] = cut(part, '=')
    if (TRAVELLING.test(name) && TAG_VALUE.test(value)) tags.set(name, value)
  }
  return tags
}

/** Null: it is no 64-bit number. */
function hexOf(decimal: string): string | null {
  if (!U64.test(decimal)) return null
  const value = BigInt(decimal)
  return value > MAX_U64 ? null : value.toString(16).padStart(16, '0')
}

export const decimalOf = (hex: string): string => BigInt(`0x${hex}`).toString()

/** What the next hop is told. */
export interface Outgoing {
  readonly traceId: string
  readonly spanId: string
  readonly priority: number
  readonly origin: string
  readonly tags: ReadonlyMap<string, string>
  readonly otherStates: string
}

export function inject(carrier: TraceCarrier, out: Outgoing): void {
  const { traceId, spanId, priority, origin, tags, otherStates } = out
  carrier.put(TRACE_ID, decimalOf(traceId.slice(16)))
  carrier.put(PARENT_ID, decimalOf(spanId))
  carrier.put(PRIORITY, String(priority))
  if (origin !== '') carrier.put(ORIGIN, origin)
  const high = traceId.slice(0, 16)
  const pairs = [...tags].map(([name, value]) => `${name}=${value}`)
  if (high !== ZERO) pairs.unshift(`${HIGH_BITS}=${high}`)
  if (pairs.length > 0) carrier.put(TAGS, pairs.join(','))
  carrier.put(TRACEPARENT, `00-${traceId}-${spanId}-${priority > 0 ? '01' : '00'}`)
  const own = [`dd=s:${priority}`, `p:${spanId}`]
  if (origin !== '') own.push(`o:${stateValue(origin)}`)
  for (const [name, value] of tags) own.push(`t.${stateValue(name.slice(6))}:${stateValue(value)}`)
  carrier.put(TRACESTATE, otherStates === '' ? own.join(';') : `${own.join(';')},${otherStates}`)
}

/** In tracestate some characters have a meaning. */
const stateValue = (text: string): string => text.replaceAll('=', '~').replace(/[^\x20-\x7e]|[,;]/g, '_')

/** The tag of the root of each chunk that tells the trace id's upper half; null: there is none. */
export const highBitsTag = (traceId: string): readonly [string, string] | null =>
  traceId.startsWith(ZERO) ? null : [HIGH_BITS, traceId.slice(0, 16)]
