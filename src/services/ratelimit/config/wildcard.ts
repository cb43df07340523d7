/** A composite key with '*', each of which stands for any run of characters. */
export class Wildcard {
  readonly pattern: string
  private readonly first: string
  private readonly last: string
  private readonly middle: readonly string[]

  constructor(pattern: string) {
    const parts = pattern.split('*')
    this.pattern = pattern
    this.first = parts[0]!
    this.last = parts.at(-1)!
    this.middle = parts.slice(1, -1)
  }

  /** The first place where each piece fits is the best one: what follows has the most room. */
  matches(text: string): boolean {
    const { first, last, middle } = this
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (let i = 0; i < middle.length; i++) {
      const part = middle[i]!
      const found = text.indexOf(part, at)
      if (found < 0 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
