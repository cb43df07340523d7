// HOT FILE (docs/hot-path.md): a UUIDv4 per request without an allocation: random bytes come in large gulps.
import { randomFillSync } from 'node:crypto'
import { type HeaderMap, PreparedLine, X_REQUEST_ID } from '../http/index.ts'

const POOL_BYTES = 16384
const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let position = POOL_BYTES
const HEX = Buffer.from('0123456789abcdef', 'latin1')
const PREPARED = new PreparedLine(X_REQUEST_ID, '00000000-0000-4000-8000-000000000000', true)
const LINE = PREPARED.bytes
const VALUE_START = X_REQUEST_ID.text.length + 2
/** Where the version digit stands; with tracing it tells the sampling decision. */
export const TRACE_REASON_INDEX = 14

/** Appends `x-request-id` with a random UUIDv4 (RFC 9562, 5.4). */
export function appendRandomRequestId(headers: HeaderMap): void {
  renewLine()
  headers.appendPrepared(PREPARED)
}

/** A random UUIDv4 as text: the rare path, where it takes the place of another. */
export function randomRequestId(): string {
  renewLine()
  return LINE.latin1Slice(VALUE_START, LINE.length - 2)
}

function renewLine(): void {
  if (position === POOL_BYTES) {
    randomFillSync(pool)
    position = 0
  }
  let at = VALUE_START
  for (let k = 0; k < 16; k++) {
    let byte = pool[position++]!
    if (k === 6) byte = (byte & 15) | 64
    else if (k === 8) byte = (byte & 63) | 128
    LINE[at++] = HEX[byte >> 4]!
    LINE[at++] = HEX[byte & 15]!
    if (k === 3 || k === 5 || k === 7 || k === 9) at++
  }
}

/** An id from outside must not bring its own sampling decision: its version digit becomes 4. */
export function clearTraceReason(headers: HeaderMap): void {
  const id = headers.get(X_REQUEST_ID)
  if (id === undefined || id.length !== 36 || id[TRACE_REASON_INDEX] === '4') return
  if (!/^[9ab]$/.test(id[TRACE_REASON_INDEX] as string)) return
  headers.set(X_REQUEST_ID, `${id.slice(0, TRACE_REASON_INDEX)}4${id.slice(TRACE_REASON_INDEX + 1)}`)
}
