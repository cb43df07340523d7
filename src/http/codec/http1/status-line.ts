// HOT FILE (docs/hot-path.md)
import type { HeaderMap } from '../../headers.ts'
import { CR, IS_BAD_VALUE, LF, SPACE, TAB } from './characters.ts'
import { ScanDone, ScanFailed, ScanIncomplete, type ScanStatus } from './head-scanner.ts'

const HTTP1 = Buffer.from('HTTP/1.')
const MAX_REASON = 8192

const isDigit = (c: number): boolean => c >= 48 && c <= 57

/** The status line (RFC 9112, 4). The reason phrase is checked, and forgotten unless it is asked for. */
export class StatusLine {
  position = 0
  /** Of the whole line. */
  length = 0
  minor = 1
  /** The reason phrase goes into the HeaderMap. */
  keepReason = false

  scan(headers: HeaderMap, input: Buffer, position: number, end: number): ScanStatus {
    let i = position
    this.position = position
    for (let k = 0; k < 7; k++) {
      if (i + k >= end) return ScanIncomplete
      if (input[i + k] !== HTTP1[k]) return ScanFailed
    }
    if (end - i < 13) return this.partial(input, i, end)
    this.minor = input[i + 7]! - 48
    if (this.minor !== 0 && this.minor !== 1) return ScanFailed
    if (input[i + 8] !== SPACE) return ScanFailed
    const a = input[i + 9]!
    const b = input[i + 10]!
    const c = input[i + 11]!
    if (!isDigit(a) || !isDigit(b) || !isDigit(c) || a === 48) return ScanFailed
    headers.status = (a - 48) * 100 + (b - 48) * 10 + (c - 48)
    i += 12
    if (input[i] !== SPACE && input[i] !== CR && input[i] !== LF) return ScanFailed
    for (;;) {
      if (i >= end) return i - position > MAX_REASON ? ScanFailed : ScanIncomplete
      const x = input[i++]!
      if (x === LF) break
      if (x === CR) {
        if (i >= end) return ScanIncomplete
        if (input[i++] !== LF) return ScanFailed
        break
      }
      if (IS_BAD_VALUE[x] !== 0 && x !== TAB) return ScanFailed
    }
    if (this.keepReason) headers.reasonPhrase = reasonIn(input, position + 12, i)
    this.position = i
    this.length = i - position
    return ScanDone
  }

  /** Not even a status yet: whatever is there must be digits in their places. */
  private partial(input: Buffer, i: number, end: number): ScanStatus {
    if (end - i > 7 && !isDigit(input[i + 7]!)) return ScanFailed
    if (end - i > 8 && input[i + 8] !== SPACE) return ScanFailed
    for (let k = 9; k < 12 && i + k < end; k++) if (!isDigit(input[i + k]!)) return ScanFailed
    return ScanIncomplete
  }
}

/** Of the line's rest, from behind the status to behind its end. */
function reasonIn(input: Buffer, start: number, end: number): string {
  return input.latin1Slice(start, end).trim()
}
