// HOT FILE (docs/hot-path.md): the first route of a virtual host that matches, as if they were tried in order.
//
// Paths and prefixes stand in a radix tree (a second one for case-insensitive routes), and so do regexes and templates
// that begin with plain text. All else is tried one by one. Whatever matches, only a lower index can replace it.
import { asciiLowerCase } from '../../config/index.ts'
import { type HeaderMap, pathLength } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { CandidateList } from './candidate-list.ts'
import { type CandidateVisitor, insertPath, type PathKind, PathTrieNode, searchPath } from './path-trie.ts'
import type { RouteMatcher } from './route-match.ts'

const SLASH = 47
const SEMICOLON = 59

export class RouteIndex implements CandidateVisitor {
  private readonly matchers: readonly RouteMatcher[]
  private readonly ignorePathParameters: boolean
  /** The first route takes every path that starts with '/'. */
  private readonly firstTakesAll: boolean
  private readonly sensitive = new PathTrieNode('')
  private readonly insensitive = new PathTrieNode('')
  private readonly hasSensitive: boolean
  private readonly hasInsensitive: boolean
  /** Indexes of routes that no tree holds, ascending. */
  private readonly others: readonly number[]

  constructor(matchers: readonly RouteMatcher[], ignorePathParameters: boolean) {
    this.matchers = matchers
    this.ignorePathParameters = ignorePathParameters
    const first = matchers[0]
    this.firstTakesAll = first?.kind === 'prefix' && first.text === '/' && first.conditions.length === 0
    const others: number[] = []
    const lists = new Set<CandidateList>()
    matchers.forEach((matcher, index) => {
      if (matcher.inTree) lists.add(this.place(matcher, matcher.kind === 'other' ? 'prefix' : matcher.kind, index))
      else others.push(index)
    })
    for (const list of lists) list.seal()
    this.others = others
    const inTree = matchers.filter(matcher => matcher.inTree)
    this.hasSensitive = inTree.some(matcher => matcher.caseSensitive)
    this.hasInsensitive = inTree.some(matcher => !matcher.caseSensitive)
  }

  private place(matcher: RouteMatcher, kind: PathKind, index: number): CandidateList {
    const root = matcher.caseSensitive ? this.sensitive : this.insensitive
    const node = insertPath(root, matcher.caseSensitive ? matcher.text : asciiLowerCase(matcher.text))
    node[kind] ??= new CandidateList()
    const { exactHeader } = matcher
    node[kind].add({ index, unconditional: matcher.unconditional, exactHeader })
    return node[kind]
  }

  /** Index of the route, or -1. */
  find(headers: HeaderMap, info: StreamInfo, random: number): number {
    if (this.firstTakesAll && startsWithSlash(headers)) return 0
    const none = this.matchers.length
    let best = none
    if (!headers.hasPath) best = this.findOther('', headers, info, random, best)
    else {
      const whole = this.ignorePathParameters ? withoutParameters(headers.path) : headers.path
      const end = pathLength(whole)
      if (this.hasSensitive) best = searchPath(this.sensitive, whole, end, best, this, headers, info, random)
      if (this.hasInsensitive) {
        best = searchPath(this.insensitive, asciiLowerCase(whole), end, best, this, headers, info, random)
      }
      if (this.others.length > 0) best = this.findOther(whole.slice(0, end), headers, info, random, best)
    }
    return best === none ? -1 : best
  }

  visit(
    list: CandidateList,
    best: number,
    path: string,
    end: number,
    headers: HeaderMap,
    info: StreamInfo,
    random: number,
  ): number {
    best = this.scan(list.scanned, best, path, end, headers, info, random)
    for (const { name, lowest, byValue } of list.keyed) {
      if (lowest >= best) continue
      for (let i = headers.find(name, 0); i >= 0; i = headers.find(name, i + 1)) {
        const indexes = byValue.get(headers.valueAt(i))
        if (indexes !== undefined) best = this.scan(indexes, best, path, end, headers, info, random)
      }
    }
    return best
  }

  private scan(
    indexes: readonly number[],
    best: number,
    path: string,
    end: number,
    headers: HeaderMap,
    info: StreamInfo,
    random: number,
  ): number {
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!
      if (index >= best) return best
      const matcher = this.matchers[index]!
      // Whoever stands in a tree by a literal prefix alone still has to look at the whole path.
      if (matcher.kind === 'other' && !matcher.pathHolds(path.slice(0, end), headers)) continue
      if (matcher.conditionsHold(headers, info, random)) return index
    }
    return best
  }

  private findOther(path: string, headers: HeaderMap, info: StreamInfo, random: number, best: number): number {
    const { others, matchers } = this
    for (let i = 0; i < others.length; i++) {
      const index = others[i]!
      if (index >= best) return best
      const matcher = matchers[index]!
      if (matcher.pathHolds(path, headers) && matcher.conditionsHold(headers, info, random)) return index
    }
    return best
  }
}

/** Without making a string of the path. */
function startsWithSlash(headers: HeaderMap): boolean {
  if (!headers.pathIsBytes) return headers.path.charCodeAt(0) === SLASH
  return headers.pathEnd > headers.pathStart && headers.bytes[headers.pathStart] === SLASH
}

const PARAMETERS = /;[^/?#]*/g

/** '/a;v=1/b?c;d' -> '/a/b?c': each segment loses what stands behind its semicolon; the query is not matched anyway. */
function withoutParameters(path: string): string {
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) === SEMICOLON) return path.replace(PARAMETERS, '')
  return path
}
