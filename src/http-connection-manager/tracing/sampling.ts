// HOT FILE (docs/hot-path.md): whether a request is traced; its id carries the verdict from hop to hop.
import {
  type HeaderMap,
  type SamplingPlan,
  X_CLIENT_TRACE_ID,
  X_ENVOY_FORCE_TRACE,
  X_REQUEST_ID,
} from '../../http/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import { ClientForced, NotTraceable, Sampling, ServiceForced, type TraceReason } from '../../observability/index.ts'
import { TRACE_REASON_INDEX } from '../request-id.ts'

const ID_LENGTH = 36
const NUMBER_LENGTH = 8
const BUCKETS = 10_000
const DIGIT_NONE = '4'.charCodeAt(0)
const DIGITS: readonly number[] = [...'49ab'].map(digit => digit.charCodeAt(0))
const REASON_OF_DIGIT: readonly TraceReason[] = [NotTraceable, Sampling, ServiceForced, ClientForced]

/** Decides, and writes the verdict into the id where `packs` says so. */
export function decideTrace(
  sampling: SamplingPlan,
  packs: boolean,
  headers: HeaderMap,
  thread: ThreadContext,
): TraceReason {
  const index = headers.find(X_REQUEST_ID, 0)
  if (index < 0) return NotTraceable
  const at = headers.valueStartAt(index)
  const { bytes } = headers
  const number = numberIn(bytes, at, headers.valueEndAt(index))
  if (number < 0) return NotTraceable
  const bucket = number % BUCKETS
  const { snapshot } = thread.runtime
  const isId = headers.valueLengthAt(index) === ID_LENGTH
  const said = isId && packs ? reasonOf(bytes[at + TRACE_REASON_INDEX]!) : NotTraceable
  let reason = said
  if (reason === NotTraceable) {
    const { client, random } = sampling
    if (headers.has(X_CLIENT_TRACE_ID) && snapshot.featureEnabled('tracing.client_enabled', client, thread.random())) {
      reason = ClientForced
    } else if (headers.has(X_ENVOY_FORCE_TRACE)) reason = ServiceForced
    else {
      const { numerator, denominator } = snapshot.shareOf('tracing.random_sampling', random)
      if (bucket % denominator < numerator) reason = Sampling
    }
  }
  if (reason !== NotTraceable) {
    const { numerator, denominator } = snapshot.shareOf('tracing.global_enabled', sampling.overall)
    if (bucket % denominator >= numerator) reason = NotTraceable
  }
  if (reason !== said && isId && packs) headers.setValueByte(index, TRACE_REASON_INDEX, DIGITS[reason]!)
  return reason
}

function reasonOf(digit: number): TraceReason {
  if (digit === DIGIT_NONE) return NotTraceable
  const index = DIGITS.indexOf(digit)
  return index < 0 ? NotTraceable : REASON_OF_DIGIT[index]!
}

/** The first eight hex digits; -1: they are none. */
function numberIn(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < NUMBER_LENGTH) return -1
  let number = 0
  for (let i = start; i < start + NUMBER_LENGTH; i++) {
    const digit = hexDigit(bytes[i]!)
    if (digit < 0) return -1
    number = number * 16 + digit
  }
  return number
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
