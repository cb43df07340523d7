// What HTTP needs to know of gRPC: its deadlines, and how an answer of the proxy's own looks to it.

import type { HeaderMap } from '../headers.ts'
import { CONTENT_TYPE, GRPC_STATUS } from '../known-headers.ts'

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3600000, M: 60000, S: 1000, m: 1, u: 0.001, n: 0.000001 }

/** grpc-timeout in ms, rounded up; -1: malformed. */
export function parseGrpcTimeout(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text)
  return match === null ? -1 : Math.ceil(Number(match[1]) * (GRPC_UNITS[match[2] as string] as number))
}

const MAX_TIMEOUT = 99_999_999

/** A deadline as grpc-timeout says it: at most eight digits, so larger units for longer ones. */
export function formatGrpcTimeout(ms: number): string {
  if (ms <= MAX_TIMEOUT) return `${ms}m`
  const seconds = Math.floor(ms / 1000)
  if (seconds <= MAX_TIMEOUT) return `${seconds}S`
  const minutes = Math.floor(seconds / 60)
  return minutes <= MAX_TIMEOUT ? `${minutes}M` : `${Math.min(Math.floor(minutes / 60), MAX_TIMEOUT)}H`
}

const GRPC_TYPE = Buffer.from('application/grpc')
const PLUS = 43

/**
 * application/grpc, alone or followed by '+' and the message format; application/grpc-web is another protocol. Compared
 * from its end: other types part ways there.
 */
export function hasGrpcContentType(headers: HeaderMap): boolean {
  const index = headers.find(CONTENT_TYPE, 0)
  if (index < 0) return false
  const start = headers.valueStartAt(index)
  const length = headers.valueLengthAt(index)
  const { bytes } = headers
  if (length < GRPC_TYPE.length || (length > GRPC_TYPE.length && bytes[start + GRPC_TYPE.length] !== PLUS)) return false
  for (let i = GRPC_TYPE.length - 1; i >= 0; i--) if (bytes[start + i] !== GRPC_TYPE[i]) return false
  return true
}

/** Whether a response is gRPC; one that ends with its headers only needs a grpc-status. */
export function isGrpcResponse(headers: HeaderMap, endStream: boolean): boolean {
  if (endStream) return headers.has(GRPC_STATUS)
  return headers.status === 200 && hasGrpcContentType(headers)
}

/** grpc-status for an HTTP status that the proxy answers with (gRPC's http-grpc-status-mapping). */
export function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}

/** The HTTP status for a grpc-status; google.rpc.Code's table. */
export function httpStatusOfGrpc(grpcStatus: number): number {
  return HTTP_STATUS[grpcStatus] ?? 500
}

const HTTP_STATUS: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
]

/** grpc-status as a number; null: none, -1: it is no number. */
export function grpcStatusIn(headers: HeaderMap): number | null {
  if (!headers.has(GRPC_STATUS)) return null
  const text = headers.get(GRPC_STATUS) as string
  return /^\d{1,9}$/.test(text) ? Number(text) : -1
}

/** Undoes encodeGrpcMessage; what is no escape stays as it is. */
export function decodeGrpcMessage(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Percent-encodes a grpc-message (gRPC over HTTP/2, Responses). `text` is latin1. */
export function encodeGrpcMessage(text: string): string {
  return text.replace(/[^\x20-\x7e]|%/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
