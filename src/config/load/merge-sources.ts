import { snakeCase } from '../config-path.ts'
import type { FieldSchema, MessageSchema } from '../schema/message-schema.ts'
import type { SchemaTable } from '../schema/table.ts'

type Json = Record<string, unknown>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

/**
 * Lays one configuration over another as protobuf merges messages: scalars replace, messages merge, lists are joined. Both
 * are still as written, so names come in two spellings and a list of one may be its item. `offsets` gets the length that
 * each joined list had before.
 */
export function mergeSources(
  table: SchemaTable,
  typeName: string,
  base: unknown,
  overlay: unknown,
  offsets: Map<string, number>,
): unknown {
  const schema = table.message(typeName)
  return schema === undefined ? overlay : mergeMessage(table, schema, base, overlay, '', offsets)
}

function mergeMessage(
  table: SchemaTable,
  schema: MessageSchema,
  base: unknown,
  overlay: unknown,
  path: string,
  offsets: Map<string, number>,
): unknown {
  if (!isObject(base) || !isObject(overlay)) return overlay ?? base
  const out: Json = { ...base }
  for (const [key, value] of Object.entries(overlay)) {
    const field = schema.byKey.get(key)
    const at = path === '' ? snakeCase(key) : `${path}.${snakeCase(key)}`
    const mine =
      field === undefined ? key : field.name in out ? field.name : field.jsonName in out ? field.jsonName : key
    const before = out[mine]
    if (value === null) continue
    out[mine] =
      before === undefined || before === null || field === undefined
        ? value
        : mergeField(table, field, before, value, at, offsets)
    dropOtherMembers(schema, field, out, mine)
  }
  return out
}

/** Setting one member of a oneof unsets the others. */
function dropOtherMembers(schema: MessageSchema, field: FieldSchema | undefined, out: Json, key: string): void {
  if (field === undefined || field.oneof === '') return
  for (const other of Object.keys(out)) {
    if (other !== key && schema.byKey.get(other)?.oneof === field.oneof) delete out[other]
  }
}

function mergeField(
  table: SchemaTable,
  field: FieldSchema,
  base: unknown,
  overlay: unknown,
  path: string,
  offsets: Map<string, number>,
): unknown {
  if (field.repeated) {
    const before = asList(base)
    offsets.set(path, before.length)
    return [...before, ...asList(overlay)]
  }
  if (field.mapKey !== '' || field.kind === 'struct')
    return isObject(base) && isObject(overlay) ? { ...base, ...overlay } : overlay
  if (field.kind !== 'message') return overlay
  return mergeMessage(table, table.message(field.typeName)!, base, overlay, path, offsets)
}
