// HOT FILE (docs/hot-path.md)
import type { HeaderMap } from '../../headers.ts'
import { CR, IS_BAD_TARGET, IS_TOKEN, LF, SPACE } from './characters.ts'
import { ScanDone, ScanFailed, ScanIncomplete, type ScanStatus } from './head-scanner.ts'

const METHODS = new Set([
  'ACL',
  'BIND',
  'CHECKOUT',
  'CONNECT',
  'COPY',
  'DELETE',
  'GET',
  'HEAD',
  'LINK',
  'LOCK',
  'MERGE',
  'MKACTIVITY',
  'MKCALENDAR',
  'MKCOL',
  'MOVE',
  'MSEARCH',
  'NOTIFY',
  'OPTIONS',
  'PATCH',
  'POST',
  'PROPFIND',
  'PROPPATCH',
  'PURGE',
  'PUT',
  'QUERY',
  'REBIND',
  'REPORT',
  'SEARCH',
  'SOURCE',
  'SUBSCRIBE',
  'TRACE',
  'UNBIND',
  'UNLINK',
  'UNLOCK',
  'UNSUBSCRIBE',
]) // the methods that Envoy's parser knows
const MAX_METHOD = 16
const DELETE = 127
const HTTP = Buffer.from('HTTP/')

/** The request line (RFC 9112, 3): method and target go into the HeaderMap, the version stands here. */
export class RequestLine {
  failure = ''
  position = 0
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  minor = 1
  /** An HTTP version that this codec does not speak. */
  otherVersion = false
  /** The line ends behind the target: HTTP/0.9, which has no fields. */
  noVersion = false

  scan(
    headers: HeaderMap,
    input: Buffer,
    position: number,
    end: number,
    maxBytes: number,
    customMethods: boolean,
  ): ScanStatus {
    let i = position
    this.position = position
    this.otherVersion = false
    this.noVersion = false
    // Empty lines before a request are skipped (RFC 9112, 2.2).
    while (i < end && (input[i] === CR || input[i] === LF)) {
      if (input[i] === CR && i + 1 < end && input[i + 1] !== LF) return this.fail('codec_error')
      if (input[i] === CR && i + 1 >= end) return ScanIncomplete
      i++
    }
    this.position = i
    if (i >= end) return ScanIncomplete
    const start = i
    let c = 0
    while (i < end && (c = input[i]!) !== SPACE) {
      if (i - start > (customMethods ? maxBytes : MAX_METHOD) || c < 33) return this.fail('codec_error')
      i++
    }
    if (i >= end) return ScanIncomplete
    headers.method = this.methodOf(input, start, i, customMethods)
    if (headers.method === '') return this.fail('codec_error')
    i++
    const target = i
    while (i < end && IS_BAD_TARGET[input[i]!] === 0) i++
    if (i >= end) return i - target > maxBytes ? this.fail('headers_too_large') : ScanIncomplete
    if (input[i] === DELETE) return this.fail('invalid_characters')
    if (i === target) return this.fail('codec_error')
    if (i - target > maxBytes) return this.fail('headers_too_large')
    if (input[i] === CR || input[i] === LF) return this.endWithoutVersion(headers, input, target, i, end)
    if (input[i] !== SPACE) return this.fail('codec_error')
    const targetEnd = i++
    // HTTP/1.1 and its line end
    if (end - i < 9) return this.partialVersion(input, i, end)
    for (let k = 0; k < 5; k++) if (input[i + k] !== HTTP[k]) return this.fail('codec_error')
    const major = input[i + 5]! - 48
    const minor = input[i + 7]! - 48
    if (major < 0 || major > 9 || minor < 0 || minor > 9 || input[i + 6] !== 46) return this.fail('codec_error')
    this.otherVersion = major !== 1 || minor > 1
    this.minor = minor
    i += 8
    if (input[i] === CR) {
      if (i + 1 >= end) return ScanIncomplete
      i++
    }
    if (input[i] !== LF) return this.fail('codec_error')
    this.position = i + 1
    this.keepTarget(headers, input, target, targetEnd)
    return ScanDone
  }

  private endWithoutVersion(headers: HeaderMap, input: Buffer, target: number, at: number, end: number): ScanStatus {
    if (input[at] === CR) {
      if (at + 1 >= end) return ScanIncomplete
      if (input[at + 1] !== LF) return this.fail('codec_error')
    }
    this.noVersion = true
    this.minor = 0
    this.position = at + (input[at] === CR ? 2 : 1)
    this.keepTarget(headers, input, target, at)
    return ScanDone
  }

  private keepTarget(headers: HeaderMap, input: Buffer, target: number, targetEnd: number): void {
    const size = targetEnd - target
    headers.ensure(size + 2)
    const at = headers.size
    const out = headers.bytes
    if (size < 64) for (let k = 0; k < size; k++) out[at + k] = input[target + k]!
    else input.copy(out, at, target, targetEnd)
    headers.pathStart = at
    headers.pathEnd = at + size
    headers.size = at + size
  }

  private methodOf(input: Buffer, start: number, end: number, custom: boolean): string {
    // Nearly every request is a GET.
    if (end - start === 3 && input[start] === 71 && input[start + 1] === 69 && input[start + 2] === 84) return 'GET'
    const method = input.latin1Slice(start, end)
    if (custom && isToken(input, start, end)) return method
    return METHODS.has(method) ? method : ''
  }

  /** Fewer bytes than a version: wrong ones are refused at once, a good beginning waits. */
  private partialVersion(input: Buffer, i: number, end: number): ScanStatus {
    for (let k = 0; i + k < end && k < 5; k++) if (input[i + k] !== HTTP[k]) return this.fail('codec_error')
    return ScanIncomplete
  }

  private fail(failure: string): ScanStatus {
    this.failure = failure
    return ScanFailed
  }
}

function isToken(input: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (IS_TOKEN[input[i]!] === 0) return false
  return end > start
}
