// Substitution formats: text with %OPERATORS%, and JSON objects of such texts. Compiled once, run per log line.
import { isUtf8 } from 'node:buffer'
import type { CelSettings } from './cel/index.ts'
import type { Field, FieldValue, FormatContext } from './format-context.ts'
import { celField } from './operators/cel-fields.ts'
import { compileOperator, operatorNames, REFUSED_OPERATORS } from './operators/compile-operator.ts'
import { TwoForms } from './operators/two-forms.ts'

export interface Formatter {
  /** One line (or value) as latin1 text: a character per byte. */
  format(context: FormatContext): string
}

export interface FormatError {
  readonly error: string
  /** Where in the text, 0-based. */
  readonly offset: number
  readonly known: readonly string[]
}

type Part = string | Field

export interface FormatOptions {
  /** What a missing value prints as in text; '-' by default, '' in header values and with omit_empty_values. */
  readonly missing?: string
  /** Of CEL and TYPED_CEL. */
  readonly cel?: CelSettings
}

// %NAME(ARGUMENT):LENGTH% ; START_TIME's argument may itself contain percent signs.
const OPERATOR = /%(?:%|([A-Z_0-9]+)(?:\(((?:[^()]|\([^()]*\))*)\))?(?::(\d+))?%)/y
/** Expressions have parentheses of their own, and go up to the first one that a percent sign follows. */
const EXPRESSION = /%((?:TYPED_)?CEL)\(([\s\S]*?)\)(?::(\d+))?%/y

/** Texts come from UTF-8 configuration: their bytes are what goes out. */
const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

function operatorAt(text: string, at: number): RegExpExecArray | null {
  EXPRESSION.lastIndex = at
  OPERATOR.lastIndex = at
  return EXPRESSION.exec(text) ?? OPERATOR.exec(text)
}

/** One that cannot be made is said in one way. */
function fieldOf(match: RegExpExecArray, options: FormatOptions): Field | FormatError {
  const [whole, name = '', argument, length] = match
  const maxLength = length === undefined ? -1 : Number(length)
  const failed = (error: string): FormatError => ({ error, offset: match.index, known: operatorNames })
  if (name === 'CEL' || name === 'TYPED_CEL') {
    const field = celField(name, argument ?? '', maxLength, options.cel)
    return typeof field === 'function' ? field : failed(`${name}: ${field.error}`)
  }
  const field = compileOperator(name, argument, maxLength)
  if (field !== undefined) return field
  const refused = Object.hasOwn(REFUSED_OPERATORS, name) ? REFUSED_OPERATORS[name] : undefined
  return failed(refused === undefined ? `unknown operator or argument: ${whole}` : `${name} is not offered: ${refused}`)
}

function parse(text: string, options: FormatOptions): Part[] | FormatError {
  const parts: Part[] = []
  let literal = ''
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '%') {
      literal += text[at++]
      continue
    }
    const match = operatorAt(text, at)
    if (match === null)
      return { error: 'this % begins no operator; a percent sign is written %%', offset: at, known: operatorNames }
    at += match[0].length
    if (match[1] === undefined) {
      literal += '%'
      continue
    }
    const field = fieldOf(match, options)
    if (typeof field !== 'function') return field
    if (literal !== '') parts.push(bytes(literal))
    literal = ''
    parts.push(field)
  }
  if (literal !== '') parts.push(bytes(literal))
  return parts
}

function text(value: FieldValue, missing: string): string {
  if (value === null) return missing
  if (typeof value !== 'object') return String(value)
  return value instanceof TwoForms ? value.text : JSON.stringify(value)
}

class TextFormatter implements Formatter {
  private readonly parts: readonly Part[]
  private readonly missing: string

  constructor(parts: readonly Part[], missing: string) {
    this.parts = parts
    this.missing = missing
  }

  format(context: FormatContext): string {
    let out = ''
    for (const part of this.parts) out += typeof part === 'string' ? part : text(part(context), this.missing)
    return out
  }
}

/** Compiles a text format. Operators: docs of Envoy's substitution formatter, and %RESPONSE_CAUSE% of ours. */
export function compileFormat(format: string, options: FormatOptions = {}): Formatter | FormatError {
  const parts = parse(format, options)
  return Array.isArray(parts) ? new TextFormatter(parts, options.missing ?? '-') : parts
}

/** Whether a compiled format is an error. */
export function isFormatError(result: Formatter | FormatError): result is FormatError {
  return 'error' in result
}

/** A JSON value as configuration gives it. */
export type JsonFormat =
  | string
  | number
  | boolean
  | null
  | readonly JsonFormat[]
  | { readonly [key: string]: JsonFormat }

interface JsonFormatOptions extends FormatOptions {
  readonly omitEmpty: boolean
}

function compileJsonValue(value: JsonFormat, options: JsonFormatOptions): Field | FormatError {
  if (typeof value === 'string') {
    const parts = parse(value, options)
    if (!Array.isArray(parts)) return parts
    // An operator alone keeps its type.
    if (parts.length === 1 && typeof parts[0] === 'function') return parts[0]
    const formatter = new TextFormatter(parts, options.omitEmpty ? '' : '-')
    return context => formatter.format(context)
  }
  if (Array.isArray(value)) return compileList(value, options)
  if (value !== null && typeof value === 'object')
    return compileObject(value as { readonly [key: string]: JsonFormat }, options)
  return () => value as FieldValue
}

function compileList(values: readonly JsonFormat[], options: JsonFormatOptions): Field | FormatError {
  const fields: Field[] = []
  for (const value of values) {
    const field = compileJsonValue(value, options)
    if (typeof field !== 'function') return field
    fields.push(field)
  }
  if (!options.omitEmpty) return context => fields.map(field => field(context))
  return context => fields.map(field => field(context)).filter(value => !isEmpty(value))
}

/** What omit_empty_values leaves out: no value, and objects without any. Empty texts and lists stay, as in Envoy. */
function isEmpty(value: FieldValue): boolean {
  if (value === null) return true
  return typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0
}

function compileObject(
  object: { readonly [key: string]: JsonFormat },
  options: JsonFormatOptions,
): Field | FormatError {
  const fields: [key: string, field: Field][] = []
  for (const key of Object.keys(object).sort()) {
    const field = compileJsonValue(object[key] as JsonFormat, options)
    if (typeof field !== 'function') return field
    fields.push([bytes(key), field])
  }
  return context => {
    const out: Record<string, FieldValue> = Object.create(null) as Record<string, FieldValue>
    for (const [key, field] of fields) {
      const value = field(context)
      if (!options.omitEmpty || !isEmpty(value)) out[key] = value
    }
    return out
  }
}

/** Compiles json_format: keys sorted, an operator alone keeps its type. One line with its newline. */
export function compileJsonFormat(
  object: { readonly [key: string]: JsonFormat },
  omitEmpty: boolean,
  cel?: CelSettings,
): Formatter | FormatError {
  const field = compileObject(object, { omitEmpty, ...(cel === undefined ? {} : { cel }) })
  if (typeof field !== 'function') return field
  return { format: context => `${jsonText(field(context))}\n` }
}

const NOT_ASCII = /[\x80-\xff]/
const ASIDE = 0xe000

/** JSON as bytes. A text that is UTF-8 stands as it is; of any other each byte beyond ASCII is escaped, as in Envoy. */
function jsonText(value: FieldValue): string {
  let escapes = false
  const json = JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'string' || !NOT_ASCII.test(part) || isUtf8(Buffer.from(part, 'latin1'))) return part
    escapes = true
    return part.replace(/[\x80-\xff]/g, char => String.fromCharCode(ASIDE + char.charCodeAt(0)))
  })
  if (!escapes) return json
  return json.replace(/[\ue080-\ue0ff]/g, char => `\\u00${(char.charCodeAt(0) - ASIDE).toString(16)}`)
}

/** Envoy's default line. */
export const DEFAULT_ACCESS_LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n'
