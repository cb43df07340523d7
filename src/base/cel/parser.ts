// CEL's grammar, by recursive descent.
import { type CelExpr, call, NO_COMPREHENSION, NO_MESSAGES } from './expr.ts'
import { type CelSyntaxError, type CelToken, celTokens } from './tokens.ts'

/** As deep as an expression may nest. */
const MAX_DEPTH = 200
/** Binary operators, loosest first; the names of their calls. */
const LEVELS: readonly Readonly<Record<string, string>>[] = [
  { '||': '_||_' },
  { '&&': '_&&_' },
  { '<': '_<_', '<=': '_<=_', '>': '_>_', '>=': '_>=_', '==': '_==_', '!=': '_!=_', in: '@in' },
  { '+': '_+_', '-': '_-_' },
  { '*': '_*_', '/': '_/_', '%': '_%_' },
]
const RESERVED = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)
const COMPREHENSIONS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

class Failure extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

class Parser {
  private readonly tokens: readonly CelToken[]
  private at = 0
  private depth = 0

  constructor(tokens: readonly CelToken[]) {
    this.tokens = tokens
  }

  whole(): CelExpr {
    const expr = this.expression()
    if (this.token.kind !== 'end') this.fail(`unexpected ${JSON.stringify(this.token.text)}`)
    return expr
  }

  private get token(): CelToken {
    return this.tokens[this.at]!
  }

  private fail(message: string): never {
    throw new Failure(message, this.token.offset)
  }

  /** Steps over `sign` if it is next. */
  private took(sign: string): boolean {
    if (this.token.kind !== 'sign' || this.token.text !== sign) return false
    this.at++
    return true
  }

  private need(sign: string): void {
    if (this.took(sign)) return
    const { kind, text } = this.token
    this.fail(`expected ${JSON.stringify(sign)}, found ${kind === 'end' ? 'the end' : JSON.stringify(text)}`)
  }

  private expression(): CelExpr {
    if (++this.depth > MAX_DEPTH) this.fail('it nests too deep')
    let expr = this.binary(0)
    if (this.took('?')) {
      const then = this.binary(0)
      this.need(':')
      expr = call('_?_:_', expr, then, this.expression())
    }
    this.depth--
    return expr
  }

  private binary(level: number): CelExpr {
    const operators = LEVELS[level]
    if (operators === undefined) return this.unary()
    let left = this.binary(level + 1)
    while (this.token.kind === 'sign' && Object.hasOwn(operators, this.token.text)) {
      const name = operators[this.token.text]!
      this.at++
      left = call(name, left, this.binary(level + 1))
    }
    return left
  }

  private unary(): CelExpr {
    const { text, kind } = this.token
    if (kind !== 'sign' || (text !== '!' && text !== '-')) return this.member(this.primary())
    this.at++
    const { value, kind: next } = this.token
    if (text === '-' && next === 'literal' && (typeof value === 'bigint' || typeof value === 'number')) {
      this.at++
      return this.member({ kind: 'constant', value: -value })
    }
    if (++this.depth > MAX_DEPTH) this.fail('it nests too deep')
    const operand = this.unary()
    this.depth--
    return call(text === '!' ? '!_' : '-_', operand)
  }

  private member(start: CelExpr): CelExpr {
    let expr = start
    for (;;) {
      if (this.took('.')) expr = this.selected(expr)
      else if (this.took('[')) {
        expr = call('_[_]', expr, this.expression())
        this.need(']')
      } else if (this.took('{')) this.fail(NO_MESSAGES)
      else return expr
    }
  }

  private selected(operand: CelExpr): CelExpr {
    const { text: field, kind } = this.token
    if (kind !== 'name') this.fail('expected a name')
    this.at++
    if (!this.took('(')) return { kind: 'select', operand, field, test: false }
    const args = this.list(')')
    if (COMPREHENSIONS.has(field) && args.length >= 2 && args[0]!.kind === 'identifier') {
      return { kind: 'refused', why: NO_COMPREHENSION }
    }
    return { kind: 'call', name: field, target: operand, args }
  }

  private primary(): CelExpr {
    const { kind, value } = this.token
    if (kind === 'literal') {
      this.at++
      return { kind: 'constant', value }
    }
    if (this.took('(')) {
      const expr = this.expression()
      this.need(')')
      return expr
    }
    if (this.took('[')) return { kind: 'list', elements: this.list(']') }
    if (this.took('{')) return { kind: 'map', entries: this.entries() }
    this.took('.')
    return this.named()
  }

  private named(): CelExpr {
    const { kind, text: name } = this.token
    if (kind !== 'name') this.fail(kind === 'end' ? 'it ends too early' : `unexpected ${JSON.stringify(name)}`)
    if (RESERVED.has(name)) this.fail(`${name} is a reserved word`)
    this.at++
    if (!this.took('(')) return { kind: 'identifier', name }
    const args = this.list(')')
    if (name !== 'has') return call(name, ...args)
    const [field] = args
    if (args.length !== 1 || field!.kind !== 'select') this.fail('has() takes one field, such as has(request.path)')
    return { ...(field as CelExpr & { kind: 'select' }), test: true }
  }

  /** Up to `end`; a comma may stand behind the last one of a list. */
  private list(end: ')' | ']'): CelExpr[] {
    const items: CelExpr[] = []
    if (this.took(end)) return items
    do {
      if (end === ']' && this.token.text === end) break
      items.push(this.expression())
    } while (this.took(','))
    this.need(end)
    return items
  }

  private entries(): (readonly [CelExpr, CelExpr])[] {
    const entries: (readonly [CelExpr, CelExpr])[] = []
    while (!this.took('}')) {
      const key = this.expression()
      this.need(':')
      entries.push([key, this.expression()])
      if (this.took(',')) continue
      this.need('}')
      break
    }
    return entries
  }
}

/** The tree of an expression, or where and why it is none. */
export function parseCel(text: string): CelExpr | CelSyntaxError {
  const tokens = celTokens(text)
  if (!Array.isArray(tokens)) return tokens as CelSyntaxError
  try {
    return new Parser(tokens).whole()
  } catch (error) {
    if (error instanceof Failure) return { error: error.message, offset: error.offset }
    throw error
  }
}
