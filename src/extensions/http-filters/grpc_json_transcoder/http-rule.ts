// google.api.http annotations of methods, read from the descriptors' unknown fields: nobody needs to ship their types.
import type { DescMethod } from '@bufbuild/protobuf'
import type { BinaryReader } from '@bufbuild/protobuf/wire'
import { protobuf } from './protobuf.ts'

export interface HttpRule {
  /** 'GET', or the kind of a custom rule; '*' for any. */
  readonly httpMethod: string
  readonly template: string
  /** '' and '*': all of the request. */
  readonly body: string
  /** '': all of the response. */
  readonly responseBody: string
}

/** The extension google.api.http of google.protobuf.MethodOptions. */
const HTTP_EXTENSION = 72295728
const METHODS: Readonly<Record<number, string>> = { 2: 'GET', 3: 'PUT', 4: 'POST', 5: 'DELETE', 6: 'PATCH' }
const BODY = 7
const CUSTOM = 8
const ADDITIONAL_BINDINGS = 11
const RESPONSE_BODY = 12

/** The rule of a method and its additional bindings; empty: none. Throws on bytes that are no HttpRule. */
export function httpRulesOf(method: DescMethod): readonly HttpRule[] {
  const annotation = method.proto.options?.$unknown?.findLast(({ no }) => no === HTTP_EXTENSION)
  if (annotation === undefined) return []
  // What an unknown field keeps of a message is its length and its bytes.
  const { wire } = protobuf()
  return readRule(new wire.BinaryReader(new wire.BinaryReader(annotation.data).bytes()))
}

function readRule(reader: BinaryReader): HttpRule[] {
  const { wire } = protobuf()
  let httpMethod = ''
  let template = ''
  let body = ''
  let responseBody = ''
  const additional: HttpRule[] = []
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    const known = METHODS[field]
    if (known !== undefined) {
      httpMethod = known
      template = reader.string()
    } else if (field === BODY) body = reader.string()
    else if (field === RESPONSE_BODY) responseBody = reader.string()
    else if (field === CUSTOM) [httpMethod, template] = readCustom(new wire.BinaryReader(reader.bytes()))
    else if (field === ADDITIONAL_BINDINGS) additional.push(...readRule(new wire.BinaryReader(reader.bytes())))
    else reader.skip(type, field)
  }
  const own = template === '' ? [] : [{ httpMethod, template, body, responseBody }]
  return [...own, ...additional]
}

function readCustom(reader: BinaryReader): [kind: string, path: string] {
  let kind = ''
  let path = ''
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === 1) kind = reader.string()
    else if (field === 2) path = reader.string()
    else reader.skip(type, field)
  }
  return [kind, path]
}
