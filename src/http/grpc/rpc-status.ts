// google.rpc.Status as it stands in grpc-status-details-bin: read by hand, so that nobody loads protobuf for it.

export interface RpcStatusDetail {
  readonly typeUrl: string
  readonly value: Buffer
}

export interface RpcStatus {
  code: number
  message: string
  readonly details: RpcStatusDetail[]
}

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** `encoded` is base64, padded or not; null: it is not, or no google.rpc.Status. */
export function decodeRpcStatus(encoded: string): RpcStatus | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null
  const status: RpcStatus = { code: 0, message: '', details: [] }
  const fields = readFields(Buffer.from(encoded, 'base64'))
  if (fields === null) return null
  for (const { number, varint, bytes } of fields) {
    if (number === 1 && bytes === null) status.code = varint
    else if (number === 2 && bytes !== null) status.message = bytes.toString('utf8')
    else if (number === 3 && bytes !== null) {
      const any = readFields(bytes)
      if (any === null) return null
      const last = (wanted: number): Buffer => any.findLast(field => field.number === wanted)?.bytes ?? Buffer.alloc(0)
      status.details.push({ typeUrl: last(1).toString('utf8'), value: last(2) })
    }
  }
  return status
}

interface Field {
  readonly number: number
  readonly varint: number
  /** null: no bytes, string or message. */
  readonly bytes: Buffer | null
}

/** null: no protobuf message. */
function readFields(message: Buffer): Field[] | null {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
      if (factor > 2 ** 63) return -1
    }
    return -1
  }
  while (at < message.length) {
    const tag = varint()
    const [number, type] = [Math.floor(tag / 8), tag % 8]
    if (tag < 8) return null
    if (type === VARINT) {
      const value = varint()
      if (value < 0) return null
      fields.push({ number, varint: value, bytes: null })
      continue
    }
    const length = type === LENGTH_DELIMITED ? varint() : type === FIXED64 ? 8 : type === FIXED32 ? 4 : -1
    if (length < 0 || at + length > message.length) return null
    if (type === LENGTH_DELIMITED) fields.push({ number, varint: 0, bytes: message.subarray(at, at + length) })
    at += length
  }
  return fields
}
