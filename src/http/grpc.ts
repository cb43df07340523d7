// What HTTP needs to know of gRPC: its deadlines, and how an answer of the proxy's own looks to it.

import type { HeaderMap } from './headers.ts'
import { CONTENT_TYPE } from './known-headers.ts'

const GRPC_UNITS: Readonly<Record<string, number>> = { H: 3600000, M: 60000, S: 1000, m: 1, u: 0.001, n: 0.000001 }

/** grpc-timeout in ms, rounded up; -1: malformed. */
export function parseGrpcTimeout(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text)
  return match === null ? -1 : Math.ceil(Number(match[1]) * (GRPC_UNITS[match[2] as string] as number))
}

/** Whether the request is gRPC by its content type. */
export function isGrpcRequest(headers: HeaderMap): boolean {
  if (!headers.has(CONTENT_TYPE)) return false
  return /^application\/grpc(\+|;|$)/.test(headers.get(CONTENT_TYPE) as string)
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

/** Percent-encodes a grpc-message (gRPC over HTTP/2, Responses). `text` is latin1. */
export function encodeGrpcMessage(text: string): string {
  return text.replace(/[^\x20-\x7e]|%/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
