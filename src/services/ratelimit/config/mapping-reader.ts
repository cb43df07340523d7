import { type ConfigPath, type Diagnostics, nearestName } from '../../../config/index.ts'

type Mapping = Readonly<Record<string, unknown>>

// The words for booleans of YAML 1.1, which envoyproxy/ratelimit's parser goes by.
const TRUE = new Set(['y', 'yes', 'true', 'on'])
const FALSE = new Set(['n', 'no', 'false', 'off'])
const MAX_UINT32 = 0xffff_ffff

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return Array.isArray(value) ? 'a list' : value === null ? 'nothing' : 'a mapping'
}

/** Reads the fields of one mapping whose scalars are text, and says what is wrong with them. */
export class MappingReader {
  readonly path: ConfigPath
  private readonly diagnostics: Diagnostics
  private readonly fields: Mapping

  constructor(value: unknown, what: string, path: ConfigPath, diagnostics: Diagnostics) {
    this.path = path
    this.diagnostics = diagnostics
    this.fields = isMapping(value) ? this.merged(value, 0) : {}
    if (!isMapping(value)) this.mismatch(path, `a mapping: ${what}`, value)
  }

  /** Entries of YAML's merge keys count where the mapping has none of that name. */
  private merged(mapping: Mapping, depth: number): Mapping {
    const sources = mapping['<<']
    if (sources === undefined) return mapping
    const { '<<': _, ...own } = mapping
    const parts = Array.isArray(sources) ? sources : [sources]
    const bad = parts.find(part => !isMapping(part))
    if (bad !== undefined || depth > 20) this.mismatch(this.path, "'<<' to name mappings", bad)
    const inherited = parts.filter(isMapping).map(part => (depth > 20 ? {} : this.merged(part, depth + 1)))
    return Object.assign({}, ...inherited.toReversed(), own)
  }

  /** `elsewhere`: where the format has a field of this name, for those that stand in the wrong place. */
  onlyKnows(what: string, known: readonly string[], elsewhere: Readonly<Record<string, string>>): void {
    for (const name of Object.keys(this.fields)) {
      if (known.includes(name)) continue
      const home = elsewhere[name]
      const suggestion = home === undefined ? nearestName(name, known) : undefined
      this.diagnostics.error(
        this.path.field(name),
        home === undefined ? `${what} has no field '${name}'` : `'${name}' belongs into ${home}, not here`,
        { code: 'unknown-field', ...(suggestion === undefined ? {} : { suggestion }) },
      )
    }
  }

  error(field: string, message: string, expected?: string): void {
    const detail = { code: 'rule', ...(expected === undefined ? {} : { expected }) }
    this.diagnostics.error(field === '' ? this.path : this.path.field(field), message, detail)
  }

  warn(field: string, message: string): void {
    this.diagnostics.warn(this.path.field(field), message, { code: 'no-effect' })
  }

  has(field: string): boolean {
    return this.fields[field] !== undefined && this.fields[field] !== null
  }

  value(field: string): unknown {
    return this.fields[field]
  }

  text(field: string): string {
    const value = this.fields[field] ?? ''
    if (typeof value === 'string') return value
    this.mismatch(this.path.field(field), 'text', value)
    return ''
  }

  flag(field: string): boolean {
    const value = this.fields[field] ?? 'false'
    const word = typeof value === 'string' ? value.toLowerCase() : ''
    if (TRUE.has(word)) return true
    if (!FALSE.has(word)) this.mismatch(this.path.field(field), 'true or false', value)
    return false
  }

  uint32(field: string): number {
    const value = this.fields[field] ?? '0'
    const number = typeof value === 'string' && /^\+?(?:\d[\d_]*|0x[\da-fA-F]+)$/.test(value) ? integer(value) : -1
    if (number >= 0 && number <= MAX_UINT32) return number
    this.mismatch(this.path.field(field), `an integer from 0 to ${MAX_UINT32}`, value)
    return 0
  }

  list(field: string): readonly unknown[] {
    const value = this.fields[field] ?? []
    if (Array.isArray(value)) return value
    this.mismatch(this.path.field(field), 'a list', value)
    return []
  }

  private mismatch(path: ConfigPath, expected: string, value: unknown): void {
    this.diagnostics.error(path, 'has the wrong type', { expected, found: shown(value), code: 'type' })
  }
}

/** A leading 0 makes octal, as in YAML 1.1. */
function integer(text: string): number {
  const digits = text.replaceAll('_', '').replace('+', '')
  return /^0\d/.test(digits) ? (/[89]/.test(digits) ? -1 : Number.parseInt(digits, 8)) : Number(digits)
}
