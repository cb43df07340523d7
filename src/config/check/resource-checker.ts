import type { Diagnostics } from '../diagnostics.ts'
import { nearestName } from '../names.ts'
import type { FieldSchema, MessageSchema } from '../schema/message-schema.ts'
import type { RuleSet } from '../schema/rules.ts'
import type { SchemaTable } from '../schema/table.ts'
import { type AnyTarget, resolveAny } from './any-types.ts'
import { PathStack } from './path-stack.ts'
import { isDefault, Mismatch, scalarValue } from './scalar-values.ts'
import { type Verdict, type Verdicts, verdictsOf } from './support-verdicts.ts'
import { wellKnownValue } from './well-known-values.ts'

export interface CheckOptions {
  /** Unknown fields are warnings instead of errors (--allow-unknown-static-fields). */
  readonly allowUnknownFields?: boolean
  /** Whether declarations decide; false checks the form alone. */
  readonly checkSupport?: boolean
  /** The input is the caller's to lose, and no part of it stands in two places: items of long lists are let go as soon as they are checked. */
  readonly consumeInput?: boolean
}

/** Something worth a debug line: a deprecated field, or one that is read without effect. */
export interface CheckNote {
  readonly path: string
  readonly message: string
}

type Json = Record<string, unknown>

/** Lists that are let go item by item: 10,000 clusters would otherwise be in memory twice. */
const LONG_LIST = 1000

/** A value that was reported and must not reach the resource. */
const INVALID = Symbol('invalid')

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value as a diagnostic shows it, cut short. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (isObject(value)) return 'a mapping'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/**
 * One pass over a message as written: form, names, rules and support, with every finding reported. What comes out is the
 * resource: canonical ProtoJSON with defaults left out.
 */
export class ResourceChecker {
  readonly notes: CheckNote[] = []
  private readonly table: SchemaTable
  private readonly diagnostics: Diagnostics
  private readonly options: CheckOptions
  private readonly path = new PathStack()
  private readonly verdicts = new Map<MessageSchema, Verdicts | null>()
  private readonly noted = new Set<FieldSchema>()
  /** False inside what has no effect anyway: form is checked there, support is not. */
  private supportMatters: boolean

  constructor(table: SchemaTable, diagnostics: Diagnostics, options: CheckOptions = {}) {
    this.table = table
    this.diagnostics = diagnostics
    this.options = options
    this.supportMatters = options.checkSupport !== false
  }

  /** The resource for a value that stands at `at` (segments of a path); undefined when it is no message at all. */
  check(typeName: string, value: unknown, at: readonly (string | number)[] = []): object | undefined {
    for (const segment of at) this.path.push(segment)
    const schema = this.table.message(typeName)
    if (schema === undefined) throw new Error(`no message ${typeName} in the API`)
    const resource = this.message(schema, value)
    for (const _ of at) this.path.pop()
    return resource === INVALID ? undefined : (resource as object)
  }

  private error(
    code: string,
    message: string,
    detail: { expected?: string; found?: string; suggestion?: string } = {},
  ): typeof INVALID {
    this.diagnostics.add('error', this.path.text(), message, { ...detail, code })
    return INVALID
  }

  private mismatch(mismatch: Mismatch, value: unknown): typeof INVALID {
    return this.error('type', mismatch.hint === '' ? 'has the wrong type' : `has the wrong type; ${mismatch.hint}`, {
      expected: mismatch.expected,
      found: shown(value),
    })
  }

  private message(schema: MessageSchema, value: unknown): unknown {
    if (!isObject(value)) return this.mismatch(new Mismatch(`a mapping with fields of ${schema.typeName}`), value)
    const verdicts = this.verdictsFor(schema)
    if (verdicts === null) return this.error('unsupported', `${schema.typeName} is not supported by this release`)
    const out: Json = {}
    // Most messages have one oneof or none.
    let oneof: FieldSchema | null = null
    let others: Map<string, FieldSchema> | null = null
    let misspelt: Set<string> | null = null
    for (const key of Object.keys(value)) {
      const field = schema.byKey.get(key)
      if (field === undefined) {
        const meant = this.unknownField(schema, key)
        if (meant !== undefined) (misspelt ??= new Set()).add(meant)
        continue
      }
      const raw = value[key]
      if (raw === null && field.kind !== 'value') continue
      this.path.push(field.name)
      if (key !== field.name && field.name in value)
        this.error('duplicate-key', `is set twice, as ${field.name} and as ${key}`)
      else if (field.oneof !== '') {
        if (oneof === null) oneof = field
        else if (oneof.oneof === field.oneof) this.oneofTwice(oneof, field)
        else {
          others ??= new Map()
          this.oneofMember(others, field)
        }
      }
      this.field(field, raw, out, verdicts?.get(field))
      this.path.pop()
    }
    if (schema.mandatory.length > 0) this.absentFields(schema, value, out, misspelt)
    if (schema.requiredOneofs.length > 0) this.absentOneofs(schema, oneof, others, misspelt)
    return out
  }

  private verdictsFor(schema: MessageSchema): Verdicts | null | undefined {
    if (!this.supportMatters) return undefined
    let verdicts = this.verdicts.get(schema)
    if (verdicts === undefined) {
      verdicts = verdictsOf(schema)
      this.verdicts.set(schema, verdicts)
    }
    return verdicts
  }

  /** The name that is probably meant. */
  private unknownField(schema: MessageSchema, key: string): string | undefined {
    const suggestion = nearestName(
      key,
      schema.fields.map(field => field.name),
    )
    this.path.push(key)
    const severity = this.options.allowUnknownFields === true ? 'warning' : 'error'
    this.diagnostics.add(severity, this.path.text(), `${schema.typeName} has no field '${key}'`, {
      ...(suggestion === undefined ? {} : { suggestion }),
      code: 'unknown-field',
    })
    this.path.pop()
    return suggestion
  }

  private oneofMember(seen: Map<string, FieldSchema>, field: FieldSchema): void {
    const other = seen.get(field.oneof)
    if (other === undefined) seen.set(field.oneof, field)
    else this.oneofTwice(other, field)
  }

  private oneofTwice(first: FieldSchema, second: FieldSchema): void {
    this.error('oneof', `only one of ${first.name} and ${second.name} may be set`)
  }

  /** A field that is there, but misspelt, is not missed once more. */
  private absentFields(
    schema: MessageSchema,
    value: Readonly<Json>,
    out: Json,
    misspelt: ReadonlySet<string> | null,
  ): void {
    for (const { field, violation } of schema.mandatory) {
      // An explicit value that equals the default was checked, and reported, where it stands.
      if (out[field.jsonName] !== undefined || isSet(value, field) || misspelt?.has(field.name)) continue
      this.path.push(field.name)
      this.error('required', violation.message, { expected: violation.expected })
      this.path.pop()
    }
  }

  private absentOneofs(
    schema: MessageSchema,
    oneof: FieldSchema | null,
    others: ReadonlyMap<string, FieldSchema> | null,
    misspelt: ReadonlySet<string> | null,
  ): void {
    for (const { name, members } of schema.requiredOneofs) {
      if (oneof?.oneof === name || others?.has(name) === true) continue
      if (misspelt !== null && members.some(member => misspelt.has(member.name))) continue
      this.error('required', `one of ${members.map(member => member.name).join(', ')} must be set`)
    }
  }

  private field(field: FieldSchema, raw: unknown, out: Json, verdict: Verdict | undefined): void {
    if (verdict !== undefined && !this.allowed(field, raw, verdict)) return
    if (field.deprecated && !this.noted.has(field)) this.note(field, 'is deprecated in the Envoy API')
    const supportMattered = this.supportMatters
    if (verdict?.accepted !== undefined) this.supportMatters = false
    const value = this.fieldValue(field, raw)
    this.supportMatters = supportMattered
    if (value === INVALID) return
    const reason = verdict?.values?.[String(value)]
    if (reason !== undefined) this.error('unsupported', reason, { found: shown(value) })
    else if (field.explicit || !this.isAbsent(field, value)) out[field.jsonName] = value
  }

  private fieldValue(field: FieldSchema, raw: unknown): unknown {
    if (field.mapKey !== '') return this.map(field, raw)
    return field.repeated ? this.list(field, raw) : this.value(field, raw, field.rules)
  }

  private isAbsent(field: FieldSchema, value: unknown): boolean {
    if (field.repeated) return (value as readonly unknown[]).length === 0
    if (field.mapKey !== '') return Object.keys(value as object).length === 0
    return field.kind === 'enum' ? value === this.table.enum(field.typeName).zero : isDefault(field.kind, value)
  }

  /** A refused field may still be written with the value that its absence means. */
  private allowed(field: FieldSchema, raw: unknown, verdict: Verdict): boolean {
    if (verdict.accepted !== undefined && !this.noted.has(field)) {
      this.note(field, `has no effect: ${verdict.accepted}`)
      this.diagnostics.add('warning', this.path.text(), `has no effect: ${verdict.accepted}`, { code: 'no-effect' })
    }
    if (verdict.refused === undefined) return true
    if (!field.explicit && this.saysDefault(field, raw)) return true
    this.error('unsupported', verdict.refused)
    return false
  }

  private saysDefault(field: FieldSchema, raw: unknown): boolean {
    if (Array.isArray(raw)) return raw.length === 0
    if (field.kind === 'enum')
      return this.table.enum(field.typeName).resolve(raw) === this.table.enum(field.typeName).zero
    return isObject(raw) ? Object.keys(raw).length === 0 : isDefault(field.kind, raw)
  }

  private note(field: FieldSchema, message: string): void {
    this.noted.add(field)
    this.notes.push({ path: this.path.text(), message })
  }

  private map(field: FieldSchema, raw: unknown): unknown {
    if (!isObject(raw)) return this.mismatch(new Mismatch('a mapping'), raw)
    const out: Json = {}
    for (const key of Object.keys(raw)) {
      this.path.push(`[${JSON.stringify(key)}]`)
      const mapKey = field.mapKey === 'string' ? key : scalarValue(field.mapKey, key)
      if (mapKey instanceof Mismatch) this.mismatch(mapKey, key)
      else if (this.obeys(field.rules?.keys ?? null, key, key) !== INVALID) {
        const value = this.value(field, raw[key] ?? emptyValue(field), field.rules?.items ?? null)
        if (value !== INVALID) out[String(mapKey)] = value
      }
      this.path.pop()
    }
    return this.obeys(field.rules, out, raw)
  }

  /** One element may stand for a list of one, and a list in the list for its items. */
  private list(field: FieldSchema, raw: unknown): unknown {
    if (!Array.isArray(raw)) {
      this.path.push(0)
      const value = this.value(field, raw, field.rules?.items ?? null)
      this.path.pop()
      return value === INVALID ? INVALID : this.obeys(field.rules, [value], [raw])
    }
    const nested = field.kind !== 'list_value' && raw.some(Array.isArray)
    const items: unknown[] = nested ? raw.flat(Number.POSITIVE_INFINITY) : raw
    const consume = this.options.consumeInput === true && items.length > LONG_LIST
    const out: unknown[] = []
    for (let i = 0; i < items.length; i++) {
      this.path.push(i)
      const value = this.value(field, items[i] ?? emptyValue(field), field.rules?.items ?? null)
      if (value !== INVALID) out.push(value)
      if (consume) items[i] = null
      this.path.pop()
    }
    // With an item missing the rules about the list would only repeat what was said about the item.
    return out.length === items.length ? this.obeys(field.rules, out, raw) : INVALID
  }

  private value(field: FieldSchema, raw: unknown, rules: RuleSet | null): unknown {
    const value = this.unruled(field, raw)
    return value === INVALID || rules === null ? value : this.obeys(rules, value, raw)
  }

  private unruled(field: FieldSchema, raw: unknown): unknown {
    switch (field.kind) {
      case 'message':
        return this.message(this.table.message(field.typeName)!, raw)
      case 'any':
        return this.any(raw)
      case 'enum':
        return this.enumValue(field, raw)
      case 'duration':
      case 'timestamp':
      case 'field_mask':
      case 'struct':
      case 'value':
      case 'list_value': {
        const value = wellKnownValue(field.kind, raw)
        return value instanceof Mismatch ? this.mismatch(value, raw) : value
      }
      default: {
        const value = scalarValue(field.kind, raw)
        return value instanceof Mismatch ? this.mismatch(value, raw) : value
      }
    }
  }

  private enumValue(field: FieldSchema, raw: unknown): unknown {
    const schema = this.table.enum(field.typeName)
    const name = schema.resolve(raw)
    if (name !== undefined) return name
    const suggestion = typeof raw === 'string' ? nearestName(raw, schema.names) : undefined
    return this.error('enum', `is not a value of ${field.typeName}`, {
      expected: `one of ${schema.names.join(', ')}`,
      found: shown(raw),
      ...(suggestion === undefined ? {} : { suggestion }),
    })
  }

  private obeys(rules: RuleSet | null, value: unknown, raw: unknown): unknown {
    const violation = rules?.check(value)
    if (violation === undefined) return value
    return this.error('rule', violation.message, { expected: violation.expected, found: shown(raw) })
  }

  private any(raw: unknown): unknown {
    if (!isObject(raw)) return this.mismatch(new Mismatch("a mapping with '@type'"), raw)
    if (Object.keys(raw).length === 0) return {}
    const target = resolveAny(raw, this.table, this.supportMatters)
    if ('problem' in target) {
      this.path.push('@type')
      this.diagnostics.add('error', this.path.text(), target.problem, { ...target.detail, code: 'any' })
      this.path.pop()
      return INVALID
    }
    return this.anyPayload(target)
  }

  private anyPayload(target: AnyTarget): unknown {
    for (const segment of target.at) this.path.push(segment)
    const value =
      target.wellKnown === ''
        ? this.message(this.table.message(target.typeName)!, target.payload)
        : this.wellKnownPayload(target)
    for (const _ of target.at) this.path.pop()
    if (value === INVALID) return INVALID
    const type = { '@type': `type.googleapis.com/${target.typeName}` }
    return target.wellKnown === '' ? { ...type, ...(value as object) } : { ...type, value }
  }

  private wellKnownPayload(target: AnyTarget): unknown {
    const value = wellKnownValue(target.wellKnown, target.payload)
    return value instanceof Mismatch ? this.mismatch(value, target.payload) : value
  }
}

function isSet(value: Readonly<Json>, field: FieldSchema): boolean {
  const written = value[field.name] ?? value[field.jsonName]
  return written !== undefined && written !== null
}

/** What null means as a list item or map value. */
function emptyValue(field: FieldSchema): unknown {
  if (field.kind === 'message' || field.kind === 'any' || field.kind === 'struct') return {}
  if (field.kind === 'string' || field.kind === 'bytes') return ''
  if (field.kind === 'duration') return '0s'
  return field.kind === 'value' ? null : field.kind === 'bool' ? false : 0
}
