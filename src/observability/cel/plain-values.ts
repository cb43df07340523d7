// Values that came as JSON (metadata, filter state) as CEL sees them, and the protobuf messages around them.
import { CelEntries, type CelJson, CelMap, CelMessage, type CelValue } from '../../base/index.ts'
import { sortedFields } from '../operators/metadata-fields.ts'

/** A Struct, or a map of Structs: taken apart where an expression looks. */
class PlainMap extends CelMap {
  private readonly fields: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>

  constructor(fields: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>) {
    super()
    this.fields = fields
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined
    const { fields } = this
    if (fields instanceof Map) return fields.has(key) ? plainValue(fields.get(key)) : undefined
    return Object.hasOwn(fields, key) ? plainValue((fields as Record<string, unknown>)[key]) : undefined
  }

  keys(): readonly string[] {
    return this.fields instanceof Map ? [...this.fields.keys()] : Object.keys(this.fields)
  }
}

/** Numbers of a Struct are doubles. */
export function plainValue(value: unknown): CelValue {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(plainValue)
  if (typeof value === 'object') return new PlainMap(value as Record<string, unknown>)
  return typeof value === 'bigint' ? Number(value) : (value as string | number | boolean)
}

/** core.v3.Metadata. */
export class MetadataMessage extends CelMessage {
  private readonly namespaces: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>

  constructor(namespaces: object | null) {
    super()
    this.namespaces = (namespaces ?? {}) as Readonly<Record<string, unknown>>
  }

  get(field: string): CelValue | undefined {
    if (field === 'filter_metadata') return new PlainMap(this.namespaces)
    return field === 'typed_filter_metadata' ? new CelEntries([]) : undefined
  }

  has(field: string): boolean {
    return field === 'filter_metadata' && new PlainMap(this.namespaces).size > 0
  }

  toJSON(): CelJson {
    const { namespaces } = this
    const fields = namespaces instanceof Map ? Object.fromEntries(namespaces) : namespaces
    return this.has('filter_metadata') ? { filter_metadata: sortedFields(fields) as CelJson } : {}
  }

  toText(): string {
    const { namespaces } = this
    const entries = namespaces instanceof Map ? [...namespaces] : Object.entries(namespaces)
    return entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, value]) => `filter_metadata { key: ${JSON.stringify(name)} value { ${structText(value as object)}} } `,
      )
      .join('')
  }
}

function structText(struct: object): string {
  return Object.entries(struct)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `fields { key: ${JSON.stringify(name)} value { ${valueText(value)}} } `)
    .join('')
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'null_value: NULL_VALUE '
  if (typeof value === 'string') return `string_value: ${JSON.stringify(value)} `
  if (typeof value === 'number') return `number_value: ${value} `
  if (typeof value === 'boolean') return `bool_value: ${value} `
  if (Array.isArray(value)) return `list_value { ${value.map(item => `values { ${valueText(item)}} `).join('')}} `
  return `struct_value { ${structText(value)}} `
}

/** A message of texts, messages and Structs, such as core.v3.Node. */
export class PlainMessage extends CelMessage {
  private readonly fields: Readonly<Record<string, string | CelMessage | CelMap>>

  constructor(fields: Readonly<Record<string, string | CelMessage | CelMap>>) {
    super()
    this.fields = fields
  }

  get(field: string): CelValue | undefined {
    return Object.hasOwn(this.fields, field) ? this.fields[field] : undefined
  }

  has(field: string): boolean {
    const value = this.get(field)
    return value instanceof CelMap ? value.size > 0 : value !== undefined && value !== ''
  }

  toJSON(): CelJson {
    const json: Record<string, CelJson> = {}
    for (const [name, value] of Object.entries(this.fields)) {
      if (this.has(name)) json[name] = value instanceof CelMessage ? value.toJSON() : (value as string)
    }
    return json
  }

  toText(): string {
    const set = Object.entries(this.fields).filter(([name]) => this.has(name))
    return set
      .map(([name, value]) => {
        if (typeof value === 'string') return `${name}: ${JSON.stringify(value)} `
        return value instanceof CelMessage ? `${name} { ${value.toText()}} ` : ''
      })
      .join('')
  }
}
