import type { FieldSchema } from './message-schema.ts'
import { durationNanos } from './nanos.ts'

/** The JSON form of a validate.FieldRules message: at most one rule kind, plus `message`. */
export type FieldRules = Readonly<Record<string, RuleValues>>
export type RuleValues = Readonly<Record<string, unknown>>

/** What a value should have been. */
export interface Violation {
  readonly message: string
  readonly expected: string
}

type Check = (value: unknown) => Violation | undefined

const HEADER_NAME = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/
const HEADER_VALUE = /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/
const NO_LINE_BREAK = /^[^\0\n\r]*$/

function broken(message: string, expected: string): Violation {
  return { message, expected }
}

function plural(count: number, what: string): string {
  return `${count} ${count === 1 ? what : what === 'entry' ? 'entries' : `${what}s`}`
}

/** 'from 0 to 65535', 'greater than 0s', ...; '' without bounds. */
function describeRange(rule: RuleValues): string {
  const { gt, gte, lt, lte } = rule
  if (gte !== undefined && lte !== undefined) return `from ${gte} to ${lte}`
  const low = gt !== undefined ? `greater than ${gt}` : gte !== undefined ? `at least ${gte}` : ''
  const high = lt !== undefined ? `less than ${lt}` : lte !== undefined ? `at most ${lte}` : ''
  return low !== '' && high !== '' ? `${low} and ${high}` : low + high
}

/** Crossed bounds: what lies between them is excluded. */
function describeGap({ gt, gte, lt, lte }: RuleValues): string {
  const low = gt !== undefined ? `greater than ${gt}` : `at least ${gte}`
  return `${low} or ${lt !== undefined ? `less than ${lt}` : `at most ${lte}`}`
}

/** A range check over anything `toNumber` maps to a number or bigint; crossed bounds exclude what lies between them. */
function rangeCheck(rule: RuleValues, what: string, toNumber: (value: unknown) => number | bigint): Check | undefined {
  const limit = (name: string) => (rule[name] === undefined ? undefined : toNumber(rule[name]))
  const [gt, gte, lt, lte] = [limit('gt'), limit('gte'), limit('lt'), limit('lte')]
  const low = gt ?? gte
  const high = lt ?? lte
  if (low === undefined && high === undefined) return undefined
  const crossed = low !== undefined && high !== undefined && low > high
  const violation = broken('is out of range', `${what} ${crossed ? describeGap(rule) : describeRange(rule)}`)
  return value => {
    const number = toNumber(value)
    const lowOk = low === undefined || (gt !== undefined ? number > low : number >= low)
    const highOk = high === undefined || (lt !== undefined ? number < high : number <= high)
    return (crossed ? lowOk || highOk : lowOk && highOk) ? undefined : violation
  }
}

function listChecks(rule: RuleValues): Check[] {
  const checks: Check[] = []
  const { in: allowed, notIn } = rule as { in?: readonly unknown[]; notIn?: readonly unknown[] }
  if (allowed !== undefined && allowed.length > 0) {
    const texts = new Set(allowed.map(String))
    const violation = broken('is not allowed', `one of ${[...texts].join(', ')}`)
    checks.push(value => (texts.has(String(value)) ? undefined : violation))
  }
  if (notIn !== undefined && notIn.length > 0) {
    const texts = new Set(notIn.map(String))
    const violation = broken('is not allowed', `none of ${[...texts].join(', ')}`)
    checks.push(value => (texts.has(String(value)) ? violation : undefined))
  }
  if (rule['const'] !== undefined) {
    const violation = broken('is not allowed', String(rule['const']))
    checks.push(value => (String(value) === String(rule['const']) ? undefined : violation))
  }
  return checks
}

function lengthCheck(
  rule: RuleValues,
  names: readonly [exact: string, min: string, max: string],
  unit: string,
  length: (value: unknown) => number,
): Check | undefined {
  const exact = rule[names[0]] as number | undefined
  const min = exact ?? (rule[names[1]] as number | undefined) ?? 0
  const max = exact ?? (rule[names[2]] as number | undefined) ?? Number.POSITIVE_INFINITY
  if (min === 0 && max === Number.POSITIVE_INFINITY) return undefined
  const size =
    exact !== undefined
      ? `exactly ${plural(exact, unit)}`
      : max === Number.POSITIVE_INFINITY
        ? `at least ${plural(min, unit)}`
        : min === 0
          ? `at most ${plural(max, unit)}`
          : `${min} to ${plural(max, unit)}`
  const empty = broken('must not be empty', size)
  const short = broken('is too short', size)
  const long = broken('is too long', size)
  return value => {
    const actual = length(value)
    if (actual > max) return long
    return actual >= min ? undefined : actual === 0 ? empty : short
  }
}

function patternCheck(rule: RuleValues): Check | undefined {
  const known = rule['wellKnownRegex']
  if (known !== undefined && known !== 'UNKNOWN') {
    const name = known === 'HTTP_HEADER_NAME'
    const strict = rule['strict'] !== false
    const pattern = !strict ? NO_LINE_BREAK : name ? HEADER_NAME : HEADER_VALUE
    const what = name ? 'a header name' : 'a header value'
    const violation = broken(`is not ${what}`, strict ? `${what} as in RFC 9110` : `${what} without NUL, CR and LF`)
    return value => (pattern.test(value as string) ? undefined : violation)
  }
  if (rule['pattern'] === undefined) return undefined
  const pattern = new RegExp(rule['pattern'] as string)
  const violation = broken('has the wrong form', `text that matches ${rule['pattern']}`)
  return value => (pattern.test(value as string) ? undefined : violation)
}

function affixChecks(rule: RuleValues): Check[] {
  const test = (name: string, phrase: string, holds: (text: string, part: string) => boolean): Check[] => {
    const part = rule[name] as string | undefined
    if (part === undefined || part === '') return []
    const violation = broken('has the wrong form', `text ${phrase} ${JSON.stringify(part)}`)
    return [value => (holds(value as string, part) ? undefined : violation)]
  }
  return [
    ...test('prefix', 'that starts with', (text, part) => text.startsWith(part)),
    ...test('suffix', 'that ends with', (text, part) => text.endsWith(part)),
    ...test('contains', 'that contains', (text, part) => text.includes(part)),
    ...test('notContains', 'without', (text, part) => !text.includes(part)),
  ]
}

function stringChecks(rule: RuleValues): (Check | undefined)[] {
  return [
    lengthCheck(rule, ['len', 'minLen', 'maxLen'], 'character', value => [...(value as string)].length),
    lengthCheck(rule, ['lenBytes', 'minBytes', 'maxBytes'], 'byte', value => Buffer.byteLength(value as string)),
    patternCheck(rule),
    ...affixChecks(rule),
    ...listChecks(rule),
  ]
}

function checksOf(type: string, rule: RuleValues): (Check | undefined)[] {
  switch (type) {
    case 'string':
      return stringChecks(rule)
    case 'bytes':
      return [
        lengthCheck(rule, ['len', 'minLen', 'maxLen'], 'byte', value => Buffer.from(value as string, 'base64').length),
      ]
    case 'duration':
      return [rangeCheck(rule, 'a duration', value => durationNanos(value as string)), ...listChecks(rule)]
    case 'bool':
    case 'enum':
      return listChecks(rule)
    case 'repeated':
      return [
        lengthCheck(rule, ['', 'minItems', 'maxItems'], 'item', value => (value as readonly unknown[]).length),
        uniqueCheck(rule),
      ]
    case 'map':
      return [lengthCheck(rule, ['', 'minPairs', 'maxPairs'], 'entry', value => Object.keys(value as object).length)]
    case 'any':
    case 'timestamp':
      return []
    default:
      return [
        rangeCheck(rule, /^(float|double)$/.test(type) ? 'a number' : 'an integer', toNumeric),
        ...listChecks(rule),
      ]
  }
}

function uniqueCheck(rule: RuleValues): Check | undefined {
  if (rule['unique'] !== true) return undefined
  const violation = broken('holds an item twice', 'distinct items')
  return value => {
    const items = (value as readonly unknown[]).map(item => JSON.stringify(item))
    return new Set(items).size === items.length ? undefined : violation
  }
}

/** 64-bit integers of a resource are decimal text; the limits in the API all fit a double. */
function toNumeric(value: unknown): number {
  return Number(value)
}

/** The compiled validate.rules of one field. */
export class RuleSet {
  /** As in the API, for those who explain or audit the rules. */
  readonly source: FieldRules
  readonly required: boolean
  /** Rules of list items and of map values; the items of a list are checked one by one. */
  readonly items: RuleSet | null
  readonly keys: RuleSet | null
  private readonly checks: readonly Check[]
  private readonly ignoreEmpty: boolean

  constructor(rules: FieldRules) {
    this.source = rules
    const type = Object.keys(rules).find(name => name !== 'message') ?? ''
    const rule = rules[type] ?? {}
    this.required = rules['message']?.['required'] === true || rule['required'] === true
    this.ignoreEmpty = rule['ignoreEmpty'] === true
    const nested = (name: string) => (rule[name] === undefined ? null : new RuleSet(rule[name] as FieldRules))
    this.items = nested('items') ?? nested('values')
    this.keys = nested('keys')
    this.checks = type === '' ? [] : checksOf(type, rule).filter(check => check !== undefined)
  }

  /** The first rule that a canonical value breaks. */
  check(value: unknown): Violation | undefined {
    for (const check of this.checks) {
      const violation = check(value)
      if (violation !== undefined) return this.ignoreEmpty && isEmpty(value) ? undefined : violation
    }
    return undefined
  }

  /** What is wrong with leaving the field out: it counts as its default value, unless its presence is tracked. */
  checkAbsent(field: FieldSchema): Violation | undefined {
    if (this.required) return broken('is required', `a value for ${field.name}`)
    if (field.explicit || field.kind === 'enum') return undefined
    const violation = this.check(defaultOf(field))
    return violation && broken('is required', violation.expected)
  }
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return value === '' || value === 0 || value === '0' || value === false
}

function defaultOf(field: FieldSchema): unknown {
  if (field.repeated) return []
  if (field.mapKey !== '') return {}
  return field.kind === 'string' || field.kind === 'bytes' ? '' : field.kind === 'bool' ? false : 0
}
