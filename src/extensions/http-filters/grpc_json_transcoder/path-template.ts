// The path templates of google.api.http: /v1/{name=shelves/*/items/**}:verb

export interface TemplateVariable {
  readonly fieldPath: readonly string[]
  /** First segment. */
  readonly start: number
  /** Segments behind the variable, the verb included. */
  readonly behind: number
  /** It may hold more than one segment. */
  readonly multiple: boolean
}

export interface PathTemplate {
  /** Literals, '*' and '**'; the verb is the last one. */
  readonly segments: readonly string[]
  readonly verb: string
  readonly variables: readonly TemplateVariable[]
}

interface OpenVariable {
  readonly fieldPath: readonly string[]
  readonly start: number
  readonly end: number
}

/** null: not a template. */
export function parseTemplate(text: string): PathTemplate | null {
  const parser = new TemplateParser(text)
  return parser.parse()
}

const LITERAL = /[^*{}/:=]+/y
const FIELD_PATH = /[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/y

class TemplateParser {
  private readonly text: string
  private at = 0
  private readonly segments: string[] = []
  private readonly variables: OpenVariable[] = []

  constructor(text: string) {
    this.text = text
  }

  parse(): PathTemplate | null {
    if (!this.take('/')) return null
    if (this.at < this.text.length && !this.readSegments(true)) return null
    const verb = this.take(':') ? this.match(/.+/y) : ''
    if (verb === undefined || this.at !== this.text.length) return null
    if (this.segments.filter(segment => segment === '**').length > 1) return null
    if (verb !== '') this.segments.push(verb)
    const { segments } = this
    const variables = this.variables.map(({ fieldPath, start, end }) => ({
      fieldPath,
      start,
      behind: segments.length - end,
      multiple: end - start > 1 || segments.slice(start, end).includes('**'),
    }))
    return { segments, verb, variables }
  }

  private readSegments(variablesAllowed: boolean): boolean {
    do {
      if (!this.readSegment(variablesAllowed)) return false
    } while (this.take('/'))
    return true
  }

  private readSegment(variablesAllowed: boolean): boolean {
    if (this.take('**')) this.segments.push('**')
    else if (this.take('*')) this.segments.push('*')
    else if (variablesAllowed && this.take('{')) return this.readVariable()
    else {
      const literal = this.match(LITERAL)
      if (literal === undefined) return false
      this.segments.push(literal)
    }
    return true
  }

  private readVariable(): boolean {
    const name = this.match(FIELD_PATH)
    if (name === undefined) return false
    const start = this.segments.length
    if (!this.take('=')) this.segments.push('*')
    else if (!this.readSegments(false)) return false
    this.variables.push({ fieldPath: name.split('.'), start, end: this.segments.length })
    return this.take('}')
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false
    this.at += token.length
    return true
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.at += found.length
    return found
  }
}
