import { LazyList } from './json-list.ts'
import { isSensitive, REDACTED_BYTES, REDACTED_TEXT } from './sensitive-fields.ts'

/** What is asked of the API schema: the config room's table, seen from here. */
export interface SchemaLookup {
  message(typeName: string): MessageFields | undefined
}

interface MessageFields {
  /** By JSON name and by proto name. */
  readonly byKey: ReadonlyMap<string, FieldFacts>
}

interface FieldFacts {
  readonly name: string
  /** Scalar name, 'enum', 'message', or a well-known message such as 'any' or 'struct'. */
  readonly kind: string
  /** Of a message field. */
  readonly typeName: string
  readonly repeated: boolean
  /** Kind of a map's key, else ''. */
  readonly mapKey: string
}

/** Longer lists are converted while they are printed. */
const LAZY_FROM = 32

type Json = Readonly<Record<string, unknown>>

/**
 * Turns a resource (camelCase ProtoJSON) into the snake_case form Envoy dumps, guided by the schema because map keys and
 * Struct contents look like field names and are not. Secrets are replaced on the way, as Envoy replaces them.
 */
export class SchemaJson {
  private readonly schema: SchemaLookup

  constructor(schema: SchemaLookup) {
    this.schema = schema
  }

  /** A message of a type; fields the schema does not know keep their names. */
  message(resource: object, typeName: string): Record<string, unknown> {
    return this.convert(resource as Json, typeName, false)
  }

  /** A resource as the Any of a dump, with its @type first. */
  any(resource: object, typeName: string): Record<string, unknown> {
    return { '@type': `type.googleapis.com/${typeName}`, ...this.message(resource, typeName) }
  }

  /** Whether a dotted snake_case path names a field; paths go through Any fields freely, whose type is not known here. */
  hasPath(typeName: string, path: readonly string[]): boolean {
    let at = typeName
    for (const part of path) {
      const field = this.schema.message(at)?.byKey.get(part)
      if (field === undefined || field.name !== part) return false
      if (field.kind === 'any') return true
      at = field.typeName
    }
    return true
  }

  private convert(resource: Json, typeName: string, redact: boolean): Record<string, unknown> {
    const fields = this.schema.message(typeName)?.byKey
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(resource)) {
      const field = fields?.get(key)
      if (field === undefined) out[key] = resource[key]
      else out[field.name] = this.field(resource[key], field, redact || isSensitive(typeName, field.name))
    }
    return out
  }

  private field(value: unknown, field: FieldFacts, redact: boolean): unknown {
    if (field.repeated) {
      const make = (item: unknown) => this.single(item, field, redact)
      const items = value as readonly unknown[]
      return items.length > LAZY_FROM ? new LazyList(items, make) : items.map(make)
    }
    if (field.mapKey !== '') {
      const entries = Object.entries(value as Json).map(
        ([key, item]) => [key, this.single(item, field, redact)] as const,
      )
      return Object.fromEntries(entries)
    }
    return this.single(value, field, redact)
  }

  private single(value: unknown, field: FieldFacts, redact: boolean): unknown {
    switch (field.kind) {
      case 'message':
        return this.convert(value as Json, field.typeName, redact)
      case 'any':
        return this.unpacked(value as Json, redact)
      case 'string':
        return redact ? REDACTED_TEXT : value
      case 'bytes':
        return redact ? REDACTED_BYTES : value
      case 'struct':
      case 'value':
      case 'list_value':
        return redact ? redacted(value) : value
      default:
        return value
    }
  }

  private unpacked(any: Json, redact: boolean): Record<string, unknown> {
    const { '@type': type, ...fields } = any
    const url = String(type ?? '')
    const typeName = url.slice(url.lastIndexOf('/') + 1)
    return { '@type': url, ...this.convert(fields, typeName, redact) }
  }
}

/** A Struct with all its texts replaced; its shape stays visible. */
function redacted(value: unknown): unknown {
  if (typeof value === 'string') return REDACTED_TEXT
  if (Array.isArray(value)) return value.map(redacted)
  if (typeof value !== 'object' || value === null) return null
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redacted(item)]))
}
