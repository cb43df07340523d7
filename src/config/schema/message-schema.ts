import { type FieldRules, RuleSet, type Violation } from './rules.ts'

/** One field in gen/schema.json: name, number, type ('string', 'enum a.B', 'message a.B'), flags, extras. */
export type FieldRow = readonly [name: string, number: number, type: string, flags?: string, extra?: FieldExtra]

export interface FieldExtra {
  /** Kind of the key of a map field. */
  readonly map?: string
  readonly oneof?: string
  /** JSON name where it is not the lowerCamelCase of the name. */
  readonly json?: string
  readonly rules?: FieldRules
}

const WELL_KNOWN: Readonly<Record<string, string>> = {
  'google.protobuf.Any': 'any',
  'google.protobuf.Duration': 'duration',
  'google.protobuf.Timestamp': 'timestamp',
  'google.protobuf.FieldMask': 'field_mask',
  'google.protobuf.Struct': 'struct',
  'google.protobuf.Value': 'value',
  'google.protobuf.ListValue': 'list_value',
}

const WRAPPER = /^google\.protobuf\.(Bool|String|Bytes|Float|Double|U?Int(?:32|64))Value$/

/** Kinds whose values are objects with fields of the API, and so need a declaration of their own. */
export const MESSAGE_KIND = 'message'

export class FieldSchema {
  readonly name: string
  readonly number: number
  readonly jsonName: string
  /** A scalar ('uint32', also for its wrapper), 'enum', 'message', or a well-known message ('duration', 'any', ...). */
  readonly kind: string
  /** Of an enum or message field, else ''. */
  readonly typeName: string
  readonly repeated: boolean
  /** Key kind of a map field, else ''. */
  readonly mapKey: string
  readonly oneof: string
  readonly deprecated: boolean
  /** Whether absence differs from the default value. */
  readonly explicit: boolean
  readonly rules: RuleSet | null

  constructor(row: FieldRow) {
    const [name, number, type, flags = '', extra = {}] = row
    const space = type.indexOf(' ')
    const typeName = space < 0 ? '' : type.slice(space + 1)
    const wrapped = WRAPPER.exec(typeName)?.[1]
    this.name = name
    this.number = number
    this.jsonName = extra.json ?? name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    this.kind = wrapped?.toLowerCase() ?? WELL_KNOWN[typeName] ?? (space < 0 ? type : type.slice(0, space))
    this.typeName = typeName
    this.repeated = flags.includes('r')
    this.mapKey = extra.map ?? ''
    this.oneof = extra.oneof ?? ''
    this.deprecated = flags.includes('d')
    const isMessage = space >= 0 && type.startsWith('message ')
    this.explicit = !this.repeated && this.mapKey === '' && (isMessage || this.oneof !== '' || flags.includes('o'))
    this.rules = extra.rules === undefined ? null : new RuleSet(extra.rules)
  }

  /** What the rules say about a message that does not set this field. */
  get absent(): Violation | undefined {
    // A rule about a oneof member speaks only where that member is the one that is set.
    if (this.rules === null || this.oneof !== '') return undefined
    return this.rules.checkAbsent(this)
  }
}

export class MessageSchema {
  readonly typeName: string
  readonly fields: readonly FieldSchema[]
  /** By proto name and by JSON name. */
  readonly byKey: ReadonlyMap<string, FieldSchema>
  /** Oneofs of which one member must be set, with their members. */
  readonly requiredOneofs: readonly { readonly name: string; readonly members: readonly FieldSchema[] }[]
  /** Fields that must be there, with what to say when they are not. */
  readonly mandatory: readonly { readonly field: FieldSchema; readonly violation: Violation }[]

  constructor(typeName: string, rows: readonly FieldRow[], required: readonly string[], unchecked: boolean) {
    this.typeName = typeName
    this.fields = rows.map(row => new FieldSchema(row))
    const byKey = new Map<string, FieldSchema>()
    for (const field of this.fields) byKey.set(field.jsonName, field).set(field.name, field)
    this.byKey = byKey
    this.requiredOneofs = required.map(name => ({ name, members: this.fields.filter(field => field.oneof === name) }))
    this.mandatory = unchecked
      ? []
      : this.fields.flatMap(field => (field.absent === undefined ? [] : [{ field, violation: field.absent }]))
  }
}

export class EnumSchema {
  readonly typeName: string
  readonly names: readonly string[]
  private readonly byName: ReadonlyMap<string, string>
  private readonly byNumber: ReadonlyMap<number, string>

  constructor(typeName: string, values: Readonly<Record<string, number>>) {
    this.typeName = typeName
    this.names = Object.keys(values)
    this.byName = new Map(this.names.flatMap(name => [[name.toLowerCase(), name] as const]))
    const byNumber = new Map<number, string>()
    // The first name of a number is the canonical one; later ones are aliases.
    for (const name of this.names) if (!byNumber.has(values[name]!)) byNumber.set(values[name]!, name)
    this.byNumber = byNumber
  }

  /** The name of value 0, which stands for an absent field. */
  get zero(): string {
    return this.byNumber.get(0) ?? ''
  }

  /** Proto name of a value given by name in any case, number, or number in quotes. */
  resolve(value: unknown): string | undefined {
    if (typeof value === 'number') return this.byNumber.get(value)
    if (typeof value !== 'string') return undefined
    return (
      this.byName.get(value.toLowerCase()) ?? (/^-?\d+$/.test(value) ? this.byNumber.get(Number(value)) : undefined)
    )
  }
}
