// HOT FILE (docs/hot-path.md): one pass over a head validates it, lower-cases the names and records where lines stand.
import type { HeaderMap } from '../../headers.ts'
import { COLON, CR, IS_BAD_VALUE, IS_TOKEN, LF, LOWER, SPACE, TAB } from './characters.ts'

export const ScanIncomplete = 0
export const ScanDone = 1
export const ScanFailed = 2
export type ScanStatus = typeof ScanIncomplete | typeof ScanDone | typeof ScanFailed

export interface HeadLimits {
  readonly maxBytes: number
  readonly maxCount: number
  /** What to do with names that contain an underscore. */
  readonly underscores: 'ALLOW' | 'REJECT_REQUEST' | 'DROP_HEADER'
}

/**
 * Scans field lines (RFC 9112, 5) up to the empty line. It stops between lines when bytes run out and goes on from
 * there, so a head that arrives byte by byte is not scanned again and again.
 */
export class FieldScanner {
  /** Details of the failure, such as 'codec_error', after ScanFailed. */
  failure = ''
  /** Position behind what was consumed: the next line, or the first byte behind the head. */
  position = 0
  /** What the head has beside its lines and the target: it counts towards `maxBytes`. */
  otherBytes = 0
  /** Lines dropped for their underscore. */
  droppedUnderscores = 0
  /** Where asked for: lower-case name -> the name as it came. */
  originalNames: Map<string, string> | null = null

  /** Scans [position, end) into `headers`. A line counts only when the byte behind it is there (obs-fold). */
  scan(headers: HeaderMap, input: Buffer, position: number, end: number, limits: HeadLimits): ScanStatus {
    let i = position
    for (;;) {
      this.position = i
      if (i >= end) return ScanIncomplete
      let c = input[i]!
      if (c === CR) {
        if (i + 1 >= end) return ScanIncomplete
        if (input[i + 1] !== LF) return this.fail('codec_error')
        return this.finish(headers, i + 2, limits)
      }
      if (c === LF) return this.finish(headers, i + 1, limits)
      // The normalised line needs at most three bytes more than its source: ': ' for ':', CRLF for LF.
      headers.ensure(Math.min(end - i, 256) + 8)
      let out = headers.bytes
      let room = out.length - 8
      const start = headers.size
      let p = start
      let underscore = false
      for (;;) {
        if (i >= end) return this.tooLong(headers, end - this.position, limits)
        c = input[i++]!
        if (c === COLON) break
        if (IS_TOKEN[c] === 0) return this.fail(c === 0 ? 'invalid_characters' : 'codec_error')
        if (c === 95) underscore = true
        if (p >= room) {
          headers.size = p
          headers.ensure(p - start + 64)
          headers.size = start
          out = headers.bytes
          room = out.length - 8
        }
        out[p++] = LOWER[c]!
      }
      const nameEnd = p
      if (nameEnd === start) return this.fail('codec_error')
      out[p++] = COLON
      out[p++] = SPACE
      const valueStart = p
      while (i < end && ((c = input[i]!) === SPACE || c === TAB)) i++
      for (;;) {
        if (i >= end) return this.tooLong(headers, end - this.position, limits)
        c = input[i++]!
        if (IS_BAD_VALUE[c] !== 0) {
          if (c === CR) {
            if (i >= end) return this.tooLong(headers, end - this.position, limits)
            if (input[i] !== LF) return this.fail('invalid_characters')
            i++
          } else if (c !== LF) return this.fail('invalid_characters')
          // obs-fold (RFC 9112, 5.2): the line goes on behind a line end followed by a blank.
          if (i >= end) return this.tooLong(headers, end - this.position, limits)
          c = input[i]!
          if (c !== SPACE && c !== TAB) break
          // Where nothing stands yet, the value begins behind the blanks.
          if (p === valueStart) while (i < end && ((c = input[i]!) === SPACE || c === TAB)) i++
          continue
        }
        if (p >= room) {
          headers.size = p
          headers.ensure(p - start + 64)
          headers.size = start
          out = headers.bytes
          room = out.length - 8
        }
        out[p++] = c
      }
      while (p > valueStart && ((c = out[p - 1]!) === SPACE || c === TAB)) p--
      if (underscore && limits.underscores !== 'ALLOW') {
        if (limits.underscores === 'REJECT_REQUEST') return this.fail('unexpected_underscore')
        this.droppedUnderscores++
        continue
      }
      out[p] = CR
      out[p + 1] = LF
      headers.size = p + 2
      headers.addLine(start, nameEnd, p)
      if (this.originalNames !== null) {
        const raw = input.latin1Slice(this.position, this.position + nameEnd - start)
        const name = raw.toLowerCase()
        // The first line of a name decides for all (Envoy).
        if (!this.originalNames.has(name)) this.originalNames.set(name, raw)
      }
      if (p > limits.maxBytes) return this.fail('headers_too_large')
      if (headers.length > limits.maxCount) return this.fail('too_many_headers')
    }
  }

  private finish(headers: HeaderMap, position: number, limits: HeadLimits): ScanStatus {
    if (headers.size + this.otherBytes > limits.maxBytes) return this.fail('headers_too_large')
    this.position = position
    return ScanDone
  }

  private tooLong(headers: HeaderMap, lineBytes: number, limits: HeadLimits): ScanStatus {
    return headers.size + lineBytes > limits.maxBytes ? this.fail('headers_too_large') : ScanIncomplete
  }

  fail(failure: string): ScanStatus {
    this.failure = failure
    return ScanFailed
  }
}
