// grpc.reflection.v1.ServerReflectionRequest and -Response, as far as they are needed; v1alpha has the same bytes.
import { protobuf } from './protobuf.ts'

const FILE_BY_FILENAME = 3
const FILE_CONTAINING_SYMBOL = 4
const FILE_DESCRIPTOR_RESPONSE = 4
const ERROR_RESPONSE = 7
const LENGTH_DELIMITED = 2

export interface Question {
  readonly kind: 'symbol' | 'file'
  readonly name: string
}

export function encodeQuestion({ kind, name }: Question): Uint8Array {
  const field = kind === 'file' ? FILE_BY_FILENAME : FILE_CONTAINING_SYMBOL
  return new (protobuf().wire.BinaryWriter)().tag(field, LENGTH_DELIMITED).string(name).finish()
}

export interface Answer {
  /** google.protobuf.FileDescriptorProto messages. */
  readonly files: readonly Uint8Array[]
  /** null: none. */
  readonly error: string | null
}

/** Throws on bytes that are no answer. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const { wire } = protobuf()
  const files: Uint8Array[] = []
  let error: string | null = null
  const reader = new wire.BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === FILE_DESCRIPTOR_RESPONSE) {
      const list = new wire.BinaryReader(reader.bytes())
      while (list.pos < list.len) {
        const [one, oneType] = list.tag()
        if (one === 1) files.push(Uint8Array.from(list.bytes()))
        else list.skip(oneType, one)
      }
    } else if (field === ERROR_RESPONSE) error = readError(reader.bytes())
    else reader.skip(type, field)
  }
  return { files, error }
}

function readError(bytes: Uint8Array): string {
  const reader = new (protobuf().wire.BinaryReader)(bytes)
  let message = 'the server says no more'
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 2) message = reader.string()
    else reader.skip(type, field)
  }
  return message
}
