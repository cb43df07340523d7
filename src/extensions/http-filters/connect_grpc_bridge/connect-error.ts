// What gRPC says at the end of a call, as Connect has it: JSON errors, and the last message of a stream.
import {
  decodeGrpcMessage,
  decodeRpcStatus,
  GRPC_MESSAGE,
  grpcStatusIn,
  type HeaderMap,
  HeaderName,
} from '../../../http/index.ts'

export const GRPC_STATUS_DETAILS = HeaderName.of('grpc-status-details-bin')
const UNKNOWN = 2

const CODES: Readonly<Record<number, readonly [name: string, httpStatus: number]>> = {
  1: ['canceled', 408],
  2: ['unknown', 500],
  3: ['invalid_argument', 400],
  4: ['deadline_exceeded', 408],
  5: ['not_found', 404],
  6: ['already_exists', 409],
  7: ['permission_denied', 403],
  8: ['resource_exhausted', 429],
  9: ['failed_precondition', 412],
  10: ['aborted', 409],
  11: ['out_of_range', 400],
  12: ['unimplemented', 404],
  13: ['internal', 500],
  14: ['unavailable', 503],
  15: ['data_loss', 500],
  16: ['unauthenticated', 401],
}

/** Of an error; null: the call went well. Without a grpc-status nobody knows how it went. */
export function failedStatus(trailers: HeaderMap): number | null {
  const status = grpcStatusIn(trailers) ?? UNKNOWN
  return status === 0 ? null : status < 0 ? UNKNOWN : status
}

export const connectHttpStatus = (status: number): number => CODES[status]?.[1] ?? 500

export function connectError(status: number, trailers: HeaderMap): object {
  const message = Buffer.from(decodeGrpcMessage(trailers.get(GRPC_MESSAGE) ?? ''), 'latin1').toString('utf8')
  const encoded = trailers.get(GRPC_STATUS_DETAILS)
  const details = encoded === undefined ? [] : (decodeRpcStatus(encoded)?.details ?? [])
  return {
    code: CODES[status]?.[0] ?? `code_${status}`,
    ...(message === '' ? {} : { message }),
    ...(details.length === 0
      ? {}
      : {
          details: details.map(({ typeUrl, value }) => ({
            type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
            value: value.toString('base64').replace(/=+$/, ''),
          })),
        }),
  }
}

/** Trailers that are the application's own. */
export function forEachMetadata(trailers: HeaderMap, visit: (name: string, value: string) => void): void {
  trailers.forEach((name, value) => {
    if (!name.startsWith('grpc-')) visit(name, value)
  })
}

/** The message that ends a stream. `withMetadata`: trailers come by themselves, not as part of the head. */
export function endOfStream(trailers: HeaderMap, withMetadata: boolean): Buffer {
  const status = failedStatus(trailers)
  const metadata: Record<string, string[]> = Object.create(null)
  if (withMetadata) {
    forEachMetadata(trailers, (name, value) => {
      metadata[name] ??= []
      metadata[name].push(Buffer.from(value, 'latin1').toString('utf8'))
    })
  }
  const end = {
    ...(status === null ? {} : { error: connectError(status, trailers) }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  }
  return Buffer.from(JSON.stringify(end))
}
