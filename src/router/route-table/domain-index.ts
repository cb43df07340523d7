// HOT FILE (docs/hot-path.md): the virtual host of an authority: exact domain, longest suffix wildcard ('*.a.b'),
// longest prefix wildcard ('a.*'), then '*'. Domains compare without regard to case.
import { asciiLowerCase } from '../../config/index.ts'

const UPPER = /[A-Z]/

/** Wildcards by the length of their fixed part, longest first: one map lookup per length. */
interface WildcardLength<T> {
  readonly length: number
  readonly byText: Map<string, T>
}

export class DomainIndex<T> {
  private readonly exact = new Map<string, T>()
  private readonly suffixes: WildcardLength<T>[] = []
  private readonly prefixes: WildcardLength<T>[] = []
  private fallback: T | null = null
  /** Only '*' is there: the authority need not be looked at. */
  onlyFallback = false

  /** False when the domain is there already. */
  add(domain: string, target: T): boolean {
    const text = asciiLowerCase(domain)
    const added = this.addLowerCase(text, target)
    this.onlyFallback = this.exact.size === 0 && this.suffixes.length === 0 && this.prefixes.length === 0
    return added
  }

  private addLowerCase(text: string, target: T): boolean {
    if (text === '*') {
      if (this.fallback !== null) return false
      this.fallback = target
      return true
    }
    if (text.startsWith('*')) return addWildcard(this.suffixes, text.slice(1), target)
    if (text.endsWith('*')) return addWildcard(this.prefixes, text.slice(0, -1), target)
    if (this.exact.has(text)) return false
    this.exact.set(text, target)
    return true
  }

  /** The catch-all, asked for when `onlyFallback` is set. */
  get catchAll(): T | null {
    return this.fallback
  }

  find(authority: string): T | null {
    const host = UPPER.test(authority) ? asciiLowerCase(authority) : authority
    const found = this.exact.get(host)
    if (found !== undefined) return found
    for (const { length, byText } of this.suffixes) {
      if (length >= host.length) continue
      const target = byText.get(host.slice(host.length - length))
      if (target !== undefined) return target
    }
    for (const { length, byText } of this.prefixes) {
      if (length >= host.length) continue
      const target = byText.get(host.slice(0, length))
      if (target !== undefined) return target
    }
    return this.fallback
  }
}

function addWildcard<T>(lengths: WildcardLength<T>[], text: string, target: T): boolean {
  let entry = lengths.find(candidate => candidate.length === text.length)
  if (entry === undefined) {
    entry = { length: text.length, byText: new Map() }
    lengths.push(entry)
    lengths.sort((a, b) => b.length - a.length)
  }
  if (entry.byText.has(text)) return false
  entry.byText.set(text, target)
  return true
}

/** The authority without its port; IPv6 literals keep their brackets. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':')
  if (colon < 0 || authority.indexOf(']', colon) >= 0) return authority
  return authority.slice(0, colon)
}
