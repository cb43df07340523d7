// What a gRPC error says of itself, as google.rpc.Status in JSON.
import { decodeGrpcMessage, GRPC_MESSAGE, type HeaderMap, HeaderName } from '../../../http/index.ts'
import { protobuf } from './protobuf.ts'
import type { ResponsePrinter } from './response-printer.ts'

export const GRPC_STATUS_DETAILS = HeaderName.of('grpc-status-details-bin')

interface Any {
  readonly typeUrl: string
  readonly value: Uint8Array
}

interface Status {
  code: number
  message: string
  details: Any[]
}

/** From grpc-status-details-bin, else from grpc-status and grpc-message; null: it cannot be printed. */
export function statusJson(status: number, trailers: HeaderMap, printer: ResponsePrinter): string | null {
  const encoded = trailers.get(GRPC_STATUS_DETAILS)
  const detailed = encoded === undefined ? null : decodeStatus(encoded)
  if (detailed !== null) return printer.status(detailed.code, detailed.message, detailed.details)
  const message = Buffer.from(decodeGrpcMessage(trailers.get(GRPC_MESSAGE) ?? ''), 'latin1').toString('utf8')
  return printer.status(status, message, [])
}

/** null: no base64, or no google.rpc.Status. */
function decodeStatus(encoded: string): Status | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null
  const { wire } = protobuf()
  const status: Status = { code: 0, message: '', details: [] }
  try {
    const reader = new wire.BinaryReader(Buffer.from(encoded, 'base64'))
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === 1) status.code = reader.int32()
      else if (field === 2) status.message = reader.string()
      else if (field === 3) status.details.push(decodeAny(reader.bytes()))
      else reader.skip(type, field)
    }
    return status
  } catch {
    return null
  }
}

function decodeAny(bytes: Uint8Array): Any {
  const { wire } = protobuf()
  const reader = new wire.BinaryReader(bytes)
  let typeUrl = ''
  let value: Uint8Array = new Uint8Array(0)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1) typeUrl = reader.string()
    else if (field === 2) value = reader.bytes()
    else reader.skip(type, field)
  }
  return { typeUrl, value }
}
