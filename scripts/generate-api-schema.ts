// Turns a descriptor set into gen/schema.json: one line per message or enum, sorted by name, so that the loader can parse
// only the lines it meets. The form of a line is documented in src/config/schema/table.ts, which reads it.
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescOneof,
  type FileRegistry,
  fromBinary,
  getExtension,
  hasExtension,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

/** Packages whose messages never stand in a configuration: options, descriptors, Google's API annotations. */
const NOT_CONFIG =
  /^(validate|google\.api\.(?!expr\.)|google\.rpc|google\.protobuf\.(\w+Options|\w+DescriptorProto|FileDescriptor\w+|SourceCodeInfo|GeneratedCodeInfo|FeatureSet\w*)|(envoy|udpa|xds)\.annotations)\b/

function lowerCamel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** 64-bit limits come as strings from toJson; all of them fit a double. */
function numbersInPlace(rules: JsonValue, type: string): JsonValue {
  if (typeof rules !== 'object' || rules === null || Array.isArray(rules)) return rules
  const out: JsonObject = {}
  for (const [name, value] of Object.entries(rules)) {
    const isCount = /^(len|minLen|maxLen|minBytes|maxBytes|minItems|maxItems|minPairs|maxPairs)$/.test(name)
    const isBound = /64$/.test(type) && typeof value === 'string'
    out[name] = isCount || isBound ? Number(value) : numbersInPlace(value, name)
  }
  return out
}

/** Values of enum rules are numbers in the protos and names in the resources they are compared with. */
function enumNames(rules: JsonValue, field: DescField): JsonValue {
  const rule = (rules as { enum?: JsonObject }).enum
  if (rule === undefined || field.enum === undefined) return rules
  const nameOf = (number: JsonValue) => field.enum?.value[number as number]?.name ?? number
  const named = Object.entries(rule).map(([name, value]) => {
    if (name === 'const') return [name, nameOf(value)]
    return [name, Array.isArray(value) ? value.map(nameOf) : value]
  })
  return { ...(rules as JsonObject), enum: Object.fromEntries(named) }
}

/** 'message.field' (or 'message.oneof') -> the rules that Envoy has today, in the JSON form of validate.FieldRules; null: none any more. */
type NewerRules = Readonly<Record<string, JsonValue>>

class TableWriter {
  private readonly registry: FileRegistry
  private readonly lines = new Map<string, string>()

  private readonly newerRules: NewerRules

  constructor(registry: FileRegistry, newerRules: NewerRules) {
    this.registry = registry
    this.newerRules = newerRules
  }

  write(): string {
    for (const type of this.registry) {
      if (NOT_CONFIG.test(type.typeName)) continue
      if (type.kind === 'message') this.addMessage(type)
      else if (type.kind === 'enum') this.addEnum(type)
    }
    const sorted = [...this.lines].sort(([a], [b]) => (a < b ? -1 : 1))
    return `{\n${sorted.map(([name, line]) => `${JSON.stringify(name)}:${line}`).join(',\n')}\n}\n`
  }

  private addEnum(type: DescEnum): void {
    this.lines.set(
      type.typeName,
      JSON.stringify({ enum: Object.fromEntries(type.values.map(value => [value.name, value.number])) }),
    )
  }

  private addMessage(type: DescMessage): void {
    if (type.proto.options?.mapEntry === true) return
    const required = type.oneofs
      .filter(oneof => this.option(oneof, 'validate.required') === true)
      .filter(oneof => this.newerRules[`${type.typeName}.${oneof.name}`] !== null)
      .map(oneof => oneof.name)
    const line = {
      fields: type.fields.map(field => this.field(field)),
      ...(required.length === 0 ? {} : { required }),
      ...(this.option(type, 'validate.disabled') === true || this.option(type, 'validate.ignored') === true
        ? { unchecked: true }
        : {}),
    }
    this.lines.set(type.typeName, JSON.stringify(line))
  }

  private field(field: DescField): JsonValue[] {
    let flags = ''
    if (field.fieldKind === 'list') flags += 'r'
    if (field.proto.options?.deprecated === true) flags += 'd'
    if (field.proto.proto3Optional) flags += 'o'
    const extra: JsonObject = {}
    if (field.fieldKind === 'map') extra['map'] = ScalarType[field.mapKey].toLowerCase()
    if (field.oneof !== undefined) extra['oneof'] = field.oneof.name
    if (field.jsonName !== lowerCamel(field.name)) extra['json'] = field.jsonName
    const newer = this.newerRules[`${field.parent.typeName}.${field.name}`]
    const rules = newer === undefined ? this.option(field, 'validate.rules') : newer
    if (rules !== undefined && rules !== null) extra['rules'] = enumNames(numbersInPlace(rules, ''), field)
    const row: JsonValue[] = [field.name, field.number, this.typeOf(field)]
    if (flags !== '' || Object.keys(extra).length > 0) row.push(flags)
    if (Object.keys(extra).length > 0) row.push(extra)
    return row
  }

  private typeOf(field: DescField): string {
    if (field.message !== undefined) return `message ${field.message.typeName}`
    if (field.enum !== undefined) return `enum ${field.enum.typeName}`
    return ScalarType[field.scalar as ScalarType].toLowerCase()
  }

  private option(target: DescField | DescMessage | DescOneof, name: string): JsonValue | undefined {
    const extension = this.registry.getExtension(name)
    const options = target.proto.options
    if (extension === undefined || options === undefined || !hasExtension(options, extension)) return undefined
    const value: unknown = getExtension(options, extension)
    if (extension.fieldKind === 'message') return toJson(extension.message, value as never, { registry: this.registry })
    return value as JsonValue
  }
}

/** The schema table of all messages and enums in a serialized FileDescriptorSet, with rules that changed since. */
export function schemaTable(descriptors: Uint8Array, newerRules: NewerRules): string {
  return new TableWriter(createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)), newerRules).write()
}
