// Protobuf messages of the Envoy API in their binary form, for filters that call gRPC services. Loaded only where one of
// them is configured, and only the files that its messages need.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { DescMessage } from '@bufbuild/protobuf'
import type { FileDescriptorProto, FileDescriptorSet } from '@bufbuild/protobuf/wkt'
import { INSTALLATION } from '../base/index.ts'

const DESCRIPTORS_FILE = new URL('gen/descriptors.binpb', INSTALLATION)

export interface MessageCodec {
  /** `fields` by their lower-camel names; a oneof is `{ case, value }`. */
  encode(fields: object): Uint8Array
  /** Null: the bytes are no such message. */
  decode(bytes: Uint8Array): object | null
  /** A checked message as a value for `encode`, whole or as a field of another. */
  fromJson(json: object): object
  toJson(message: object): unknown
}

interface Protobuf {
  readonly core: typeof import('@bufbuild/protobuf')
  readonly wkt: typeof import('@bufbuild/protobuf/wkt')
}

let protobuf: Protobuf | undefined
/** The whole set is large, and needed for a moment only. */
let files: WeakRef<FileDescriptorSet> | undefined
const codecs = new Map<string, MessageCodec>()

/** The codec of a message type, such as 'envoy.service.ratelimit.v3.RateLimitRequest'; the same one for the same name. */
export function messageCodec(typeName: string): MessageCodec {
  let codec = codecs.get(typeName)
  if (codec === undefined) {
    codec = new TypeCodec(load(), describe(typeName))
    codecs.set(typeName, codec)
  }
  return codec
}

class TypeCodec implements MessageCodec {
  private readonly core: Protobuf['core']
  private readonly type: DescMessage

  constructor({ core }: Protobuf, type: DescMessage) {
    this.core = core
    this.type = type
  }

  encode(fields: object): Uint8Array {
    return this.core.toBinary(this.type, this.core.create(this.type, fields as never))
  }

  decode(bytes: Uint8Array): object | null {
    try {
      return this.core.fromBinary(this.type, bytes)
    } catch {
      return null
    }
  }

  fromJson(json: object): object {
    return this.core.fromJson(this.type, json as never)
  }

  toJson(message: object): unknown {
    return this.core.toJson(this.type, message as never, { useProtoFieldName: true })
  }
}

function load(): Protobuf {
  if (protobuf !== undefined) return protobuf
  const require = createRequire(import.meta.url)
  protobuf = {
    core: require('@bufbuild/protobuf') as Protobuf['core'],
    wkt: require('@bufbuild/protobuf/wkt') as Protobuf['wkt'],
  }
  return protobuf
}

function describe(typeName: string): DescMessage {
  const { core } = load()
  const { file } = descriptors()
  const byName = new Map(file.map(one => [one.name, one]))
  const home = file.find(one => one.messageType.some(({ name }) => `${one.package}.${name}` === typeName))
  if (home === undefined) throw new Error(`there is no message ${typeName} in the Envoy API`)
  const needed = new Map<string, FileDescriptorProto>()
  collect(home, byName, needed)
  const registry = core.createFileRegistry(
    core.create(load().wkt.FileDescriptorSetSchema, { file: [...needed.values()] }),
  )
  return registry.getMessage(typeName) as DescMessage
}

function descriptors(): FileDescriptorSet {
  const known = files?.deref()
  if (known !== undefined) return known
  const { core, wkt } = load()
  const set = core.fromBinary(wkt.FileDescriptorSetSchema, readFileSync(DESCRIPTORS_FILE))
  files = new WeakRef(set)
  return set
}

/** `file` behind those it imports. */
function collect(
  file: FileDescriptorProto,
  byName: ReadonlyMap<string, FileDescriptorProto>,
  into: Map<string, FileDescriptorProto>,
): void {
  if (into.has(file.name)) return
  for (const name of file.dependency) {
    const imported = byName.get(name)
    if (imported !== undefined) collect(imported, byName, into)
  }
  into.set(file.name, file)
}
