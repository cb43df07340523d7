// An expression tree compiled to closures. There are no loops in it: comprehensions are off, as in Envoy, so that the work
// is bounded by the expression and the sizes of the texts that it looks at.
import { CONVERSIONS, TYPES, toCelString } from './conversions.ts'
import type { CelCall, CelExpr } from './expr.ts'
import { compileMatches } from './matches.ts'
import { concatenated, hasField, negative, noOverload, OPERATORS, selected } from './operators.ts'
import { BASIC_FUNCTIONS, type CelFunction, STRING_FUNCTIONS } from './strings.ts'
import { TIME_METHODS, timePart } from './time.ts'
import { CelEntries, CelError, type CelResult, type CelValue, isCelError, keyOf } from './values.ts'

/** What expressions look at, by name; undefined: there is nothing of that name. */
export interface CelVariables {
  resolve(name: string): CelValue | undefined
}

export type CelEvaluate = (variables: CelVariables) => CelResult

export interface CelOptions {
  readonly stringConversion?: boolean
  readonly stringConcat?: boolean
  readonly stringFunctions?: boolean
  /** Why, by `name.field`, of what is known and refused. */
  readonly notOffered?: Readonly<Record<string, string>>
}

/** What cannot be evaluated whatever the request: known when the configuration is read. */
export interface CelCompileError {
  readonly error: string
}

class Refusal extends Error {}

/** Of a tree: as deep as its evaluation goes, for which there has to be room on the stack. */
const MAX_DEPTH = 1000

const NOT_LOOKED_AT = new CelError('not a boolean')

class Compiler {
  private readonly functions: ReadonlyMap<string, CelFunction>
  private readonly concatenates: boolean
  private depth = 0
  private readonly notOffered: Readonly<Record<string, string>>

  constructor(options: CelOptions) {
    this.notOffered = options.notOffered ?? {}
    this.functions = functionsOf(options)
    this.concatenates = options.stringConcat === true
  }

  compile(expr: CelExpr): CelEvaluate {
    if (++this.depth > MAX_DEPTH) throw new Refusal('it nests too deep')
    const evaluate = this.ofKind(expr)
    this.depth--
    return evaluate
  }

  private ofKind(expr: CelExpr): CelEvaluate {
    switch (expr.kind) {
      case 'constant': {
        const { value } = expr
        return () => value
      }
      case 'identifier':
        return this.identifier(expr.name)
      case 'select':
        return this.select(expr.operand, expr.field, expr.test)
      case 'list':
        return this.list(expr.elements)
      case 'map':
        return this.map(expr.entries)
      case 'call':
        return this.call(expr)
      case 'refused':
        throw new Refusal(expr.why)
    }
  }

  private identifier(name: string): CelEvaluate {
    const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
    const otherwise = type ?? new CelError(`no value for ${name}`)
    return variables => variables.resolve(name) ?? otherwise
  }

  private select(operand: CelExpr, field: string, test: boolean): CelEvaluate {
    const name = operand.kind === 'identifier' ? `${operand.name}.${field}` : ''
    if (Object.hasOwn(this.notOffered, name)) throw new Refusal(`${name} is not offered: ${this.notOffered[name]}`)
    const evaluate = this.compile(operand)
    const look = test ? hasField : selected
    return variables => {
      const value = evaluate(variables)
      return isCelError(value) ? value : look(value, field)
    }
  }

  private list(elements: readonly CelExpr[]): CelEvaluate {
    const items = elements.map(element => this.compile(element))
    return variables => valuesOf(items, variables)
  }

  private map(entries: readonly (readonly [CelExpr, CelExpr])[]): CelEvaluate {
    const parts = entries.flatMap(entry => entry.map(part => this.compile(part)))
    return variables => {
      const values = valuesOf(parts, variables)
      if (values instanceof CelError) return values
      const keys = new Set<string>()
      const pairs: [CelValue, CelValue][] = []
      for (let i = 0; i < values.length; i += 2) {
        const key = typeof values[i] === 'number' ? undefined : keyOf(values[i]!)
        if (key === undefined || keys.has(key)) return new CelError('a key is of no use, or there twice')
        keys.add(key)
        pairs.push([values[i]!, values[i + 1]!])
      }
      return new CelEntries(pairs)
    }
  }

  private call(expr: CelCall): CelEvaluate {
    const { name, args } = expr
    if (expr.target === null && Object.hasOwn(OPERATORS, name) && args.length === 2) return this.operator(name, args)
    switch (name) {
      case '_&&_':
      case '_||_':
        return this.logical(args, name === '_||_')
      case '_?_:_':
        return this.conditional(args)
      case '!_':
        return this.unary(args, value => (typeof value === 'boolean' ? !value : noOverload('!_', value)))
      case '-_':
        return this.unary(args, negative)
      case 'matches':
        return this.matches(expr)
    }
    return this.named(expr)
  }

  private operator(name: string, args: readonly CelExpr[]): CelEvaluate {
    const [left, right] = [this.compile(args[0]!), this.compile(args[1]!)]
    const operator = OPERATORS[name]!
    const concatenates = name === '_+_' && this.concatenates
    return variables => {
      const a = left(variables)
      if (isCelError(a)) return a
      const b = right(variables)
      if (isCelError(b)) return b
      return (concatenates ? concatenated(a, b) : undefined) ?? operator(a, b)
    }
  }

  /** An error counts only where the other side does not decide. */
  private logical(args: readonly CelExpr[], decisive: boolean): CelEvaluate {
    const sides = args.map(arg => this.compile(arg))
    return variables => {
      let result: CelResult = !decisive
      for (const side of sides) {
        const value = side(variables)
        if (value === decisive) return decisive
        if (typeof value !== 'boolean' && !isCelError(result)) result = isCelError(value) ? value : NOT_LOOKED_AT
      }
      return result
    }
  }

  private conditional(args: readonly CelExpr[]): CelEvaluate {
    const [condition, yes, no] = args.map(arg => this.compile(arg))
    if (no === undefined) throw new Refusal('?: takes three parts')
    return variables => {
      const value = condition!(variables)
      if (isCelError(value)) return value
      return typeof value === 'boolean' ? (value ? yes! : no)(variables) : noOverload('_?_:_', value)
    }
  }

  private unary(args: readonly CelExpr[], of: (value: CelValue) => CelResult): CelEvaluate {
    const operand = this.compile(args[0] ?? { kind: 'refused', why: 'an operator has no operand' })
    return variables => {
      const value = operand(variables)
      return isCelError(value) ? value : of(value)
    }
  }

  private matches({ target, args }: CelCall): CelEvaluate {
    const [text, pattern, more] = target === null ? args : [target, ...args]
    if (text === undefined || pattern === undefined || more !== undefined) throw new Refusal(noFunction('matches'))
    const test = compileMatches(pattern.kind === 'constant' ? pattern.value : undefined)
    if ('error' in test) throw new Refusal(test.error)
    const parts = [this.compile(text), this.compile(pattern)]
    return variables => {
      const values = valuesOf(parts, variables)
      return values instanceof CelError ? values : test.matches(values[0]!, values[1]!)
    }
  }

  private named({ name, target, args }: CelCall): CelEvaluate {
    const namespaced = target?.kind === 'identifier' ? `${target.name}.${name}` : ''
    const isNamespaced = this.functions.has(namespaced)
    const found = this.functions.get(isNamespaced ? namespaced : name)
    const all = target === null || isNamespaced ? args : [target, ...args]
    const isMethod = target !== null && !isNamespaced
    if (found === undefined || (found.method !== null && found.method !== isMethod)) throw new Refusal(noFunction(name))
    const [least, most] = found.arity
    if (all.length < least || all.length > most) throw new Refusal(noFunction(name))
    const parts = all.map(arg => this.compile(arg))
    return variables => {
      const values = valuesOf(parts, variables)
      return values instanceof CelError ? values : found.call(values)
    }
  }
}

const noFunction = (name: string): string => `no function ${name} that is called like this`

function valuesOf(parts: readonly CelEvaluate[], variables: CelVariables): readonly CelValue[] | CelError {
  const values: CelValue[] = []
  for (const part of parts) {
    const value = part(variables)
    if (isCelError(value)) return value
    values.push(value)
  }
  return values
}

function functionsOf(options: CelOptions): ReadonlyMap<string, CelFunction> {
  const functions = new Map(Object.entries(BASIC_FUNCTIONS))
  const conversion = (call: (value: CelValue) => CelResult): CelFunction => ({
    arity: [1, 1],
    method: false,
    call: ([value]) => call(value!),
  })
  for (const [name, convert] of Object.entries(CONVERSIONS)) functions.set(name, conversion(convert))
  if (options.stringConversion === true) functions.set('string', conversion(toCelString))
  for (const name of TIME_METHODS) {
    const call = (args: readonly CelValue[]) => timePart(name, args[0]!, args[1]) ?? noOverload(name, ...args)
    functions.set(name, { arity: [1, 2], method: true, call })
  }
  if (options.stringFunctions !== true) return functions
  for (const [name, of] of Object.entries(STRING_FUNCTIONS)) functions.set(name, of)
  return functions
}

export function compileCel(expr: CelExpr, options: CelOptions = {}): CelEvaluate | CelCompileError {
  try {
    return new Compiler(options).compile(expr)
  } catch (error) {
    if (error instanceof Refusal) return { error: error.message }
    throw error
  }
}
