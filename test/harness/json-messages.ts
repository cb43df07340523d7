// Messages of the Envoy API as proto3 JSON, for scripted gRPC services.
import { readFileSync } from 'node:fs'
import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

const DESCRIPTORS = new URL('../../gen/descriptors.binpb', import.meta.url)
let registry: FileRegistry | undefined

export interface JsonMessages {
  encode(json: JsonValue): Buffer
  decode(bytes: Uint8Array): JsonValue
}

/** The messages of one type; field names are those of the .proto files. */
export function jsonMessages(typeName: string): JsonMessages {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)))
  const files = registry
  const type = files.getMessage(typeName) as DescMessage
  return {
    encode: json => Buffer.from(toBinary(type, fromJson(type, json, { registry: files }))),
    decode: bytes => toJson(type, fromBinary(type, bytes), { registry: files, useProtoFieldName: true }),
  }
}
