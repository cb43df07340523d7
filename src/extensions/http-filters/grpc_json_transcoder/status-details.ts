// What a gRPC error says of itself, as google.rpc.Status in JSON.
import { decodeGrpcMessage, decodeRpcStatus, GRPC_MESSAGE, type HeaderMap, HeaderName } from '../../../http/index.ts'
import type { ResponsePrinter } from './response-printer.ts'

export const GRPC_STATUS_DETAILS = HeaderName.of('grpc-status-details-bin')

/** From grpc-status-details-bin, else from grpc-status and grpc-message; null: it cannot be printed. */
export function statusJson(status: number, trailers: HeaderMap, printer: ResponsePrinter): string | null {
  const encoded = trailers.get(GRPC_STATUS_DETAILS)
  const detailed = encoded === undefined ? null : decodeRpcStatus(encoded)
  if (detailed !== null) return printer.status(detailed.code, detailed.message, detailed.details)
  const message = Buffer.from(decodeGrpcMessage(trailers.get(GRPC_MESSAGE) ?? ''), 'latin1').toString('utf8')
  return printer.status(status, message, [])
}
