// HOT FILE (docs/hot-path.md): envoy.service.ratelimit.v3.RateLimitResponse, written by hand behind its gRPC frame header.
import { GRPC_FRAME_HEADER_BYTES, writeGrpcFrameHeader } from '../../../http/index.ts'
import type { Answer, Status } from '../answer.ts'
import type { Limit } from '../limiter/limit.ts'

// Tags: field number and wire type.
const OVERALL_CODE = 0x08
const STATUSES = 0x12
const RESPONSE_HEADERS = 0x1a
const STATUS_CODE = 0x08
const CURRENT_LIMIT = 0x12
const LIMIT_REMAINING = 0x18
const DURATION_UNTIL_RESET = 0x22
const REQUESTS_PER_UNIT = 0x08
const UNIT = 0x10
const NAME = 0x1a
const SECONDS = 0x08
const HEADER_KEY = 0x0a
const HEADER_VALUE = 0x12

/** Of one status without its limit: tags, code, two numbers, lengths. */
const STATUS_BYTES = 48
const HEADER_BYTES = 16

let scratch: Buffer = Buffer.allocUnsafeSlow(4096)

/** The frame stands at [0, returned) of responseFrame(), until the next one is encoded. */
export function encodeRateLimitResponse({ overallCode, statuses, responseHeaders }: Answer): number {
  reserve(statuses, responseHeaders)
  const out = scratch
  let at = GRPC_FRAME_HEADER_BYTES
  out[at++] = OVERALL_CODE
  out[at++] = overallCode
  for (let i = 0; i < statuses.length; i++) at = writeStatus(out, at, statuses[i]!)
  for (let i = 0; i < responseHeaders.length; i++) at = writeHeader(out, at, responseHeaders[i]!)
  writeGrpcFrameHeader(out, 0, at - GRPC_FRAME_HEADER_BYTES)
  return at
}

export function responseFrame(): Buffer {
  return scratch
}

function reserve(statuses: readonly Status[], headers: Answer['responseHeaders']): void {
  let bytes = GRPC_FRAME_HEADER_BYTES + 2
  for (let i = 0; i < statuses.length; i++) {
    const { limit } = statuses[i]!
    bytes += STATUS_BYTES + (limit === null ? 0 : encodedLimit(limit).length)
  }
  for (let i = 0; i < headers.length; i++) bytes += HEADER_BYTES + 3 * (headers[i]![0].length + headers[i]![1].length)
  if (bytes > scratch.length) scratch = Buffer.allocUnsafeSlow(Math.max(bytes, scratch.length * 2))
}

function writeStatus(out: Buffer, start: number, { code, limit, remaining, secondsUntilReset }: Status): number {
  let at = start
  out[at++] = STATUSES
  const limitBytes = limit === null ? null : limit.encoded!
  let length = 2 + (limitBytes === null ? 0 : limitBytes.length)
  if (remaining > 0) length += 1 + varintBytes(remaining)
  const durationBytes = secondsUntilReset < 0 ? 0 : 1 + varintBytes(secondsUntilReset)
  if (secondsUntilReset >= 0) length += 2 + durationBytes
  at = writeVarint(out, at, length)
  out[at++] = STATUS_CODE
  out[at++] = code
  if (limitBytes !== null) {
    for (let i = 0; i < limitBytes.length; i++) out[at++] = limitBytes[i]!
  }
  if (remaining > 0) {
    out[at++] = LIMIT_REMAINING
    at = writeVarint(out, at, remaining)
  }
  if (secondsUntilReset >= 0) {
    out[at++] = DURATION_UNTIL_RESET
    out[at++] = durationBytes
    out[at++] = SECONDS
    at = writeVarint(out, at, secondsUntilReset)
  }
  return at
}

/** DescriptorStatus.current_limit: the same for every answer about a limit. */
function encodedLimit(limit: Limit): Uint8Array {
  if (limit.encoded !== null) return limit.encoded
  const name = Buffer.from(limit.facts.name, 'utf8')
  const out = Buffer.allocUnsafe(32 + name.length)
  let at = 0
  if (limit.requestsPerUnit > 0) {
    out[at++] = REQUESTS_PER_UNIT
    at = writeVarint(out, at, limit.requestsPerUnit)
  }
  out[at++] = UNIT
  out[at++] = limit.unit
  if (name.length > 0) {
    out[at++] = NAME
    at = writeVarint(out, at, name.length)
    at += name.copy(out, at)
  }
  const head = Buffer.allocUnsafe(8)
  head[0] = CURRENT_LIMIT
  limit.encoded = Buffer.concat([head.subarray(0, writeVarint(head, 1, at)), out.subarray(0, at)])
  return limit.encoded
}

function writeHeader(out: Buffer, start: number, [key, value]: readonly [string, string]): number {
  const keyBytes = Buffer.byteLength(key)
  const valueBytes = Buffer.byteLength(value)
  let at = start
  out[at++] = RESPONSE_HEADERS
  at = writeVarint(out, at, 2 + varintBytes(keyBytes) + keyBytes + varintBytes(valueBytes) + valueBytes)
  out[at++] = HEADER_KEY
  at = writeVarint(out, at, keyBytes)
  at += out.write(key, at)
  out[at++] = HEADER_VALUE
  at = writeVarint(out, at, valueBytes)
  return at + out.write(value, at)
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

function writeVarint(out: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest >= 128) {
    out[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  out[at++] = rest
  return at
}
