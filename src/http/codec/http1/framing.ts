// HOT FILE (docs/hot-path.md): message body length (RFC 9112, 6.3), strict where smuggling lives.
import type { HeaderMap } from '../../headers.ts'
import { CONTENT_LENGTH, TRANSFER_ENCODING } from '../../known-headers.ts'
import { LOWER } from './characters.ts'

const CHUNKED = Buffer.from('chunked')
const MAX_LENGTH_DIGITS = 15

/** Value of the one content-length line, -1 when there is none, -2 when it is doubtful. */
export function contentLengthOf(headers: HeaderMap): number {
  const index = headers.find(CONTENT_LENGTH, 0)
  if (index < 0) return -1
  if (headers.find(CONTENT_LENGTH, index + 1) >= 0) return -2
  const { bytes } = headers
  const end = headers.valueEndAt(index)
  let i = headers.valueStartAt(index)
  if (i === end || end - i > MAX_LENGTH_DIGITS) return -2
  let value = 0
  for (; i < end; i++) {
    const digit = bytes[i]! - 48
    if (digit < 0 || digit > 9) return -2
    value = value * 10 + digit
  }
  return value
}

/** Whether the only transfer coding is `chunked`, given in one line. */
export function isExactlyChunked(headers: HeaderMap): boolean {
  const index = headers.find(TRANSFER_ENCODING, 0)
  if (index < 0 || headers.find(TRANSFER_ENCODING, index + 1) >= 0) return false
  const start = headers.valueStartAt(index)
  if (headers.valueEndAt(index) - start !== CHUNKED.length) return false
  for (let i = 0; i < CHUNKED.length; i++) if (LOWER[headers.bytes[start + i]!] !== CHUNKED[i]) return false
  return true
}

/** Whether a comma-separated value contains `token` (lower case). */
export function hasToken(value: string, token: string): boolean {
  if (value.length < token.length) return false
  if (value.length === token.length) return value.toLowerCase() === token
  for (const part of value.split(',')) if (part.trim().toLowerCase() === token) return true
  return false
}

/** Field lines of `size` bytes as BytesMeter counts received ones: three bytes beside name and value, once at least. */
export function lineBytes(size: number, { count }: HeaderMap): number {
  return count === 0 ? 3 : size - count
}
