// The service of the gRPC tests: its types, and one implementation for every server library.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

export const DESCRIPTORS = fileURLToPath(
  new URL('../../src/extensions/http-filters/grpc_json_transcoder/testdata/shop.binpb', import.meta.url),
)
export const types = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)))
export const service = types.getService('shop.v1.Shop')!

/** Messages as JSON: what tests compare. */
export interface Item {
  readonly id?: string
  readonly name?: string
  readonly tags?: readonly string[]
}

const messageType = (name: string): DescMessage => types.getMessage(`shop.v1.${name}`)!
export const encode = (type: string, json: object): Buffer =>
  Buffer.from(toBinary(messageType(type), fromJson(messageType(type), json as JsonValue)))
export const decode = (type: string, bytes: Uint8Array): object =>
  toJson(messageType(type), fromBinary(messageType(type), bytes)) as object

export const item = (json: Item): Buffer => encode('Item', json)

/** Text that must come through unharmed in a grpc-message. */
export const FAILURE = 'no \u00fcber 100% "sure"\n'
export const BIG_BYTES = 10 * 1024 * 1024
