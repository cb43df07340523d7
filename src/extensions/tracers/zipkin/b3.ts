// The context of a trace in B3 headers, the several ones and the single one (github.com/openzipkin/b3-propagation).
import { type HeaderLookup, readTraceParent, type TraceCarrier } from '../../../observability/index.ts'

const TRACE_ID = 'x-b3-traceid'
const SPAN_ID = 'x-b3-spanid'
const PARENT_ID = 'x-b3-parentspanid'
const SAMPLED = 'x-b3-sampled'
const SINGLE = 'b3'
const TRACEPARENT = 'traceparent'

export interface B3Context {
  /** 16 or 32 digits. */
  readonly traceId: string
  readonly spanId: string
  /** '': none. */
  readonly parentId: string
}

export interface Extracted {
  /** Null: a new trace begins. */
  readonly context: B3Context | null
  /** What the caller has decided; null: nothing. */
  readonly sampled: boolean | null
  /** The next hop gets the form that came. */
  readonly single: boolean
}

const NOTHING: Extracted = { context: null, sampled: null, single: false }
const DIGITS = /^[0-9a-f]{1,16}$/i
const ZERO = '0000000000000000'
/** trace id, span id, then perhaps the flag, then perhaps the parent. */
const SINGLE_FORM = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-([0-9a-f]{16}))?)?$/i

/** Null: there is something that cannot be understood. `withTraceParent`: W3C's header counts where there is no B3. */
export function extract(headers: HeaderLookup, withTraceParent: boolean): Extracted | null {
  const single = headers.lookup(SINGLE)
  if (single !== undefined) return fromSingle(single)
  const flag = headers.lookup(SAMPLED)
  const sampled = flag === undefined ? null : flag === '1' || flag === 'true'
  const traceId = headers.lookup(TRACE_ID)
  const spanId = headers.lookup(SPAN_ID)
  if (traceId !== undefined && spanId !== undefined)
    return fromSeveral(traceId, spanId, headers.lookup(PARENT_ID), sampled)
  if (sampled !== null) return { ...NOTHING, sampled }
  const parent = withTraceParent ? headers.lookup(TRACEPARENT) : undefined
  return parent === undefined ? NOTHING : fromTraceParent(parent)
}

function fromSingle(text: string): Extracted | null {
  if (text.length === 1) return /[01d]/.test(text) ? { context: null, sampled: text !== '0', single: true } : null
  const parts = SINGLE_FORM.exec(text)
  if (parts === null) return null
  const [, traceId = '', spanId = '', flag, parentId = ''] = parts
  const sampled = flag === undefined ? null : flag !== '0'
  return { context: contextOf(traceId, spanId, parentId), sampled, single: true }
}

function fromSeveral(
  traceId: string,
  spanId: string,
  parentId: string | undefined,
  sampled: boolean | null,
): Extracted | null {
  const id = traceId.length === 32 ? traceId : digits(traceId)
  const own = digits(spanId)
  const parent = parentId === undefined || parentId === '' ? '' : digits(parentId)
  if (id === null || own === null || parent === null || !/^[0-9a-f]+$/i.test(id)) return null
  return { context: contextOf(id, own, parent), sampled, single: false }
}

/** As Envoy: one that is malformed is none. */
function fromTraceParent(text: string): Extracted {
  const parent = readTraceParent(text)
  if (parent === null) return NOTHING
  return { context: contextOf(parent.traceId, parent.spanId, ''), sampled: parent.sampled, single: false }
}

/** A trace id whose upper half is nothing is a short one; a parent of that kind is none. */
function contextOf(traceId: string, spanId: string, parentId: string): B3Context {
  const id = traceId.toLowerCase()
  return {
    traceId: id.length === 32 && id.startsWith(ZERO) ? id.slice(16) : id,
    spanId: spanId.toLowerCase(),
    parentId: parentId === ZERO ? '' : parentId.toLowerCase(),
  }
}

function digits(text: string): string | null {
  return DIGITS.test(text) ? text.padStart(16, '0') : null
}

export function inject(headers: TraceCarrier, context: B3Context, sampled: boolean, form: PropagationForm): void {
  const { traceId, spanId, parentId } = context
  const flag = sampled ? '1' : '0'
  if (form.single) {
    headers.put(SINGLE, `${traceId}-${spanId}-${flag}${parentId === '' ? '' : `-${parentId}`}`)
    return
  }
  headers.put(TRACE_ID, traceId)
  headers.put(SPAN_ID, spanId)
  if (parentId !== '') headers.put(PARENT_ID, parentId)
  headers.put(SAMPLED, flag)
  if (form.traceParent) headers.put(TRACEPARENT, `00-${traceId.padStart(32, '0')}-${spanId}-0${flag}`)
}

/** How the next hop is told. */
export interface PropagationForm {
  readonly single: boolean
  readonly traceParent: boolean
}
