// google.api.HttpBody as a response, or inside one: its data is the body, its type the content-type.
import type { FieldPath } from './field-path.ts'
import { protobuf } from './protobuf.ts'

export interface HttpBody {
  readonly contentType: string
  readonly data: Uint8Array
}

/** The HttpBody at a path inside a message. Throws on bytes that are no message. */
export function readHttpBody(message: Uint8Array, path: FieldPath): HttpBody {
  const { wire } = protobuf()
  let bytes: Uint8Array = message
  for (const { number } of path) {
    const reader = new wire.BinaryReader(bytes)
    let inner: Uint8Array = new Uint8Array(0)
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === number) inner = reader.bytes()
      else reader.skip(type, field)
    }
    bytes = inner
  }
  const reader = new wire.BinaryReader(bytes)
  let contentType = ''
  let data: Uint8Array = new Uint8Array(0)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1) contentType = reader.string()
    else if (field === 2) data = reader.bytes()
    else reader.skip(type, field)
  }
  return { contentType, data }
}
