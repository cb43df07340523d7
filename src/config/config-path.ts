/** 'maxRequests' -> 'max_requests'; names that are snake_case already stay as they are. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

/**
 * Where a value stands in a configuration: `static_resources.listeners[0].name`. Immutable. The text is made only when a
 * diagnostic needs it, so compile functions can pass paths around for free.
 */
export class ConfigPath {
  static readonly root = new ConfigPath(null, '')

  private readonly parent: ConfigPath | null
  private readonly segment: string | number

  private constructor(parent: ConfigPath | null, segment: string | number) {
    this.parent = parent
    this.segment = segment
  }

  /** Takes the camelCase or snake_case name of a field; prints snake_case. */
  field(name: string): ConfigPath {
    return new ConfigPath(this, name)
  }

  index(i: number): ConfigPath {
    return new ConfigPath(this, i)
  }

  /** An entry of a map field; the key is printed as written. */
  key(key: string): ConfigPath {
    return new ConfigPath(this, `[${JSON.stringify(key)}]`)
  }

  toString(): string {
    if (this.parent === null) return ''
    const before = this.parent.toString()
    const { segment } = this
    if (typeof segment === 'number') return `${before}[${segment}]`
    if (segment.startsWith('[')) return before + segment
    const name = snakeCase(segment)
    return before === '' ? name : `${before}.${name}`
  }
}
