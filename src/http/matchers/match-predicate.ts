// envoy.config.common.matcher.v3.MatchPredicate: conditions on an exchange that are decided part by part, as it passes.
import type { MatchPredicateJson } from '#api/envoy/config/common/matcher/v3/matcher_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import type { HeaderMap } from '../headers.ts'
import { BodySearch } from './body-search.ts'
import { compileHeaderMatchers, type HeaderMatch } from './header-matcher.ts'

for (const api of ['envoy.config.common.matcher.v3', 'envoy.config.tap.v3']) {
  declareSupport(`${api}.MatchPredicate`, {
    supported: [
      'or_match',
      'and_match',
      'not_match',
      'any_match',
      'http_request_headers_match',
      'http_request_trailers_match',
      'http_response_headers_match',
      'http_response_trailers_match',
      'http_request_generic_body_match',
      'http_response_generic_body_match',
    ],
  })
  declareSupport(`${api}.MatchPredicate.MatchSet`, { supported: ['rules'] })
  declareSupport(`${api}.HttpHeadersMatch`, { supported: ['headers'] })
  declareSupport(`${api}.HttpGenericBodyMatch`, { supported: ['bytes_limit', 'patterns'] })
  declareSupport(`${api}.HttpGenericBodyMatch.GenericTextMatch`, { supported: ['string_match', 'binary_match'] })
}

export type MatchedPart = 'requestHeaders' | 'requestTrailers' | 'responseHeaders' | 'responseTrailers'

/** What a leaf has said; nothing counts as no. */
const No = 1
const Yes = 2

interface Node {
  matches(said: Uint8Array): boolean
  /** Nothing that may still come changes it. */
  isDecided(said: Uint8Array): boolean
}

const ANY: Node = { matches: () => true, isDecided: () => true }

interface HeadersLeaf {
  readonly index: number
  readonly part: MatchedPart
  readonly matchers: readonly HeaderMatch[]
}

interface BodyLeaf {
  readonly index: number
  readonly ofRequest: boolean
  readonly patterns: readonly Buffer[]
  /** 0: the whole body. */
  readonly limitBytes: number
}

export class MatchPredicate {
  readonly headersLeaves: HeadersLeaf[] = []
  readonly bodyLeaves: BodyLeaf[] = []
  readonly root: Node
  private readonly context: CompileContext

  constructor(json: MatchPredicateJson, context: CompileContext, path: ConfigPath) {
    this.context = context
    this.root = this.compile(json, path)
  }

  get leafCount(): number {
    return this.headersLeaves.length + this.bodyLeaves.length
  }

  private compile(json: MatchPredicateJson, path: ConfigPath): Node {
    const nodes = (rules: readonly MatchPredicateJson[] | undefined, field: string): readonly Node[] =>
      (rules ?? []).map((rule, i) => this.compile(rule, path.field(field).field('rules').index(i)))
    if (json.orMatch !== undefined) return some(nodes(json.orMatch.rules, 'or_match'))
    if (json.andMatch !== undefined) return all(nodes(json.andMatch.rules, 'and_match'))
    if (json.notMatch !== undefined) {
      const node = this.compile(json.notMatch, path.field('not_match'))
      return { matches: said => !node.matches(said), isDecided: said => node.isDecided(said) }
    }
    return this.bodyLeaf(json) ?? this.headersLeaf(json, path) ?? ANY
  }

  private headersLeaf(json: MatchPredicateJson, path: ConfigPath): Node | null {
    const kinds = [
      ['requestHeaders', json.httpRequestHeadersMatch, 'http_request_headers_match'],
      ['requestTrailers', json.httpRequestTrailersMatch, 'http_request_trailers_match'],
      ['responseHeaders', json.httpResponseHeadersMatch, 'http_response_headers_match'],
      ['responseTrailers', json.httpResponseTrailersMatch, 'http_response_trailers_match'],
    ] as const
    const found = kinds.find(([, match]) => match !== undefined)
    if (found === undefined) return null
    const [part, match, field] = found
    const index = this.leafCount
    const matchers = compileHeaderMatchers(match?.headers, this.context, path.field(field).field('headers'))
    this.headersLeaves.push({ index, part, matchers })
    return leaf(index)
  }

  private bodyLeaf(json: MatchPredicateJson): Node | null {
    const match = json.httpRequestGenericBodyMatch ?? json.httpResponseGenericBodyMatch
    if (match === undefined) return null
    const index = this.leafCount
    this.bodyLeaves.push({
      index,
      ofRequest: json.httpRequestGenericBodyMatch !== undefined,
      patterns: (match.patterns ?? []).map(({ stringMatch, binaryMatch = '' }) =>
        stringMatch === undefined ? Buffer.from(binaryMatch, 'base64') : Buffer.from(stringMatch),
      ),
      limitBytes: match.bytesLimit ?? 0,
    })
    return leaf(index)
  }
}

function leaf(index: number): Node {
  return { matches: said => said[index] === Yes, isDecided: said => said[index] !== 0 }
}

function all(nodes: readonly Node[]): Node {
  return {
    matches: said => nodes.every(node => node.matches(said)),
    isDecided: said =>
      nodes.every(node => node.isDecided(said)) || nodes.some(node => node.isDecided(said) && !node.matches(said)),
  }
}

function some(nodes: readonly Node[]): Node {
  return {
    matches: said => nodes.some(node => node.matches(said)),
    isDecided: said =>
      nodes.every(node => node.isDecided(said)) || nodes.some(node => node.isDecided(said) && node.matches(said)),
  }
}

/** A predicate and what one exchange has shown of itself. */
export class MatchState {
  private readonly predicate: MatchPredicate
  private readonly said: Uint8Array
  private searches: (BodySearch | null)[] | null = null

  constructor(predicate: MatchPredicate) {
    this.predicate = predicate
    this.said = new Uint8Array(predicate.leafCount)
  }

  get matches(): boolean {
    return this.predicate.root.matches(this.said)
  }

  get mayChange(): boolean {
    return !this.predicate.root.isDecided(this.said)
  }

  onHeaders(part: MatchedPart, headers: HeaderMap): void {
    for (const leaf of this.predicate.headersLeaves) {
      if (leaf.part === part) this.said[leaf.index] = leaf.matchers.every(one => one.matches(headers)) ? Yes : No
    }
  }

  onBody(ofRequest: boolean, data: Buffer, start: number, end: number): void {
    const { bodyLeaves } = this.predicate
    if (bodyLeaves.length === 0 || start === end) return
    this.searches ??= bodyLeaves.map(() => null)
    bodyLeaves.forEach((leaf, i) => {
      if (leaf.ofRequest !== ofRequest || this.said[leaf.index] !== 0) return
      const searches = this.searches as (BodySearch | null)[]
      const search = (searches[i] ??= new BodySearch(leaf.patterns, leaf.limitBytes))
      search.look(data.subarray(start, end))
      if (search.foundAll) this.said[leaf.index] = Yes
      else if (search.over) this.said[leaf.index] = No
      if (this.said[leaf.index] !== 0) searches[i] = null
    })
  }
}
