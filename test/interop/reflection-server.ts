// gRPC server reflection over the descriptors of the tests, in either version, with what servers do differently.

import { readFileSync } from 'node:fs'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import type * as grpc from '@grpc/grpc-js'
import { DESCRIPTORS } from './shop.ts'

const raw = (bytes: Buffer): Buffer => bytes
const files = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)).file
const encoded = new Map(files.map(file => [file.name, toBinary(FileDescriptorProtoSchema, file)]))

export interface ReflectionOptions {
  readonly version: 'v1' | 'v1alpha'
  /** Sends what a file imports along with it. */
  readonly withImports?: boolean
  /** Asked before each answer: null to answer, else an error. */
  readonly problem?: () => string | null
}

function question(bytes: Buffer): string {
  const reader = new BinaryReader(bytes)
  let name = ''
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 3 || field === 4) name = reader.string()
    else reader.skip(type, field)
  }
  return name
}

function answer(name: string, { withImports = false, problem }: ReflectionOptions): Buffer {
  const own = files.find(file => file.name === name || file.service.some(one => `${file.package}.${one.name}` === name))
  const error = problem?.() ?? (own === undefined ? `no ${name}` : null)
  const writer = new BinaryWriter()
  if (error !== null || own === undefined) {
    const inner = new BinaryWriter()
      .tag(1, 0)
      .int32(5)
      .tag(2, 2)
      .string(error ?? '')
    return Buffer.from(writer.tag(7, 2).bytes(inner.finish()).finish())
  }
  const list = new BinaryWriter()
  const sent = new Set<string>()
  const send = (file: string): void => {
    if (sent.has(file)) return
    sent.add(file)
    list.tag(1, 2).bytes(encoded.get(file)!)
    if (withImports) for (const one of files.find(({ name: wanted }) => wanted === file)!.dependency) send(one)
  }
  send(own.name)
  return Buffer.from(writer.tag(4, 2).bytes(list.finish()).finish())
}

/** Counts the questions it has answered. */
export function addReflection(server: grpc.Server, options: ReflectionOptions): { questions: number } {
  const seen = { questions: 0 }
  const path = `/grpc.reflection.${options.version}.ServerReflection/ServerReflectionInfo`
  const definition = {
    ServerReflectionInfo: {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  }
  server.addService(definition, {
    ServerReflectionInfo: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (bytes: Buffer) => {
        seen.questions++
        call.write(answer(question(bytes), options))
      })
      call.on('end', () => call.end())
    },
  })
  return seen
}
