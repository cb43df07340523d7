import type { FilterChainMatchJson } from '#api/envoy/config/listener/v3/listener_components_pb.ts'
import type { ConfigPath, Diagnostics } from '../config/index.ts'
import { Cidr, type IpGroups, isLocalConnection, parseCidr } from '../net/index.ts'

/** What a filter chain is chosen by. */
export interface MatchInput {
  readonly destinationPort: number
  /** null on a pipe. */
  readonly destinationIp: IpGroups | null
  readonly serverName: string | null
  readonly transportProtocol: string
  readonly applicationProtocols: readonly string[]
  readonly directSourceIp: IpGroups | null
  readonly sourceIp: IpGroups | null
  readonly sourcePort: number
}

/** One step of the decision: picks the most specific branch, and never comes back for another. */
interface MatchNode {
  find(input: MatchInput): number
}

const NoChain = -1

class Leaf implements MatchNode {
  readonly chain: number
  constructor(chain: number) {
    this.chain = chain
  }
  find(): number {
    return this.chain
  }
}

/** Branches by a value looked up in a map; `keys` lists the values to try, most specific first. */
class ValueNode implements MatchNode {
  private readonly branches: ReadonlyMap<string | number, MatchNode>
  private readonly fallback: MatchNode | null
  private readonly keys: (input: MatchInput) => readonly (string | number)[]

  constructor(
    branches: ReadonlyMap<string | number, MatchNode>,
    fallback: MatchNode | null,
    keys: (input: MatchInput) => readonly (string | number)[],
  ) {
    this.branches = branches
    this.fallback = fallback
    this.keys = keys
  }

  find(input: MatchInput): number {
    for (const key of this.keys(input)) {
      const branch = this.branches.get(key)
      if (branch !== undefined) return branch.find(input)
    }
    return this.fallback === null ? NoChain : this.fallback.find(input)
  }
}

/** Branches by the longest prefix that contains an address. */
class PrefixNode implements MatchNode {
  private readonly ranges: readonly { readonly cidr: Cidr; readonly node: MatchNode }[]
  private readonly fallback: MatchNode | null
  private readonly address: (input: MatchInput) => IpGroups | null

  constructor(
    ranges: readonly { readonly cidr: Cidr; readonly node: MatchNode }[],
    fallback: MatchNode | null,
    address: (input: MatchInput) => IpGroups | null,
  ) {
    this.ranges = ranges.toSorted((a, b) => b.cidr.prefixLength - a.cidr.prefixLength)
    this.fallback = fallback
    this.address = address
  }

  find(input: MatchInput): number {
    const ip = this.address(input)
    if (ip !== null) {
      for (const { cidr, node } of this.ranges) if (cidr.contains(ip)) return node.find(input)
    }
    return this.fallback === null ? NoChain : this.fallback.find(input)
  }
}

/** One criterion of FilterChainMatch: which branches a chain stands under ([] = it does not care), and how to choose. */
interface Criterion {
  branchesOf(chain: Candidate): readonly (string | number)[]
  build(branches: Map<string | number, MatchNode>, fallback: MatchNode | null): MatchNode
}

interface Candidate {
  readonly index: number
  readonly match: FilterChainMatchJson
}

function byValue(
  branchesOf: (match: FilterChainMatchJson) => readonly (string | number)[],
  keys: (input: MatchInput) => readonly (string | number)[],
): Criterion {
  return {
    branchesOf: chain => branchesOf(chain.match),
    build: (branches, fallback) => new ValueNode(branches, fallback, keys),
  }
}

function byPrefix(
  field: 'prefixRanges' | 'directSourcePrefixRanges' | 'sourcePrefixRanges',
  address: (input: MatchInput) => IpGroups | null,
): Criterion {
  const cidrs = new Map<string, Cidr>()
  return {
    branchesOf: chain =>
      (chain.match[field] ?? []).map(json => {
        const cidr = parseCidr(json) ?? new Cidr([0, 0], 0)
        cidrs.set(cidr.toString(), cidr)
        return cidr.toString()
      }),
    build: (branches, fallback) =>
      new PrefixNode(
        [...branches].map(([text, node]) => ({ cidr: cidrs.get(text as string)!, node })),
        fallback,
        address,
      ),
  }
}

/** 'a.b.test' -> 'a.b.test', '*.b.test', '*.test': exact first, then the longest wildcard. */
function serverNameKeys({ serverName }: MatchInput): string[] {
  if (serverName === null) return []
  const keys = [serverName]
  for (let dot = serverName.indexOf('.', 1); dot > 0 && dot < serverName.length - 1; ) {
    keys.push(`*${serverName.slice(dot)}`)
    dot = serverName.indexOf('.', dot + 1)
  }
  return keys
}

function sourceTypeKeys({ sourceIp, destinationIp }: MatchInput): string[] {
  return [isLocalConnection(sourceIp, destinationIp) ? 'SAME_IP_OR_LOOPBACK' : 'EXTERNAL']
}

/** In the order Envoy documents at FilterChainMatch. */
function criteria(): Criterion[] {
  return [
    byValue(
      match => (match.destinationPort == null ? [] : [match.destinationPort]),
      input => [input.destinationPort],
    ),
    byPrefix('prefixRanges', input => input.destinationIp),
    byValue(match => (match.serverNames ?? []).map(name => name.toLowerCase()), serverNameKeys),
    byValue(
      match => (match.transportProtocol ? [match.transportProtocol] : []),
      input => [input.transportProtocol],
    ),
    byValue(
      match => match.applicationProtocols ?? [],
      input => input.applicationProtocols,
    ),
    byPrefix('directSourcePrefixRanges', input => input.directSourceIp),
    byValue(
      match => (match.sourceType === undefined || match.sourceType === 'ANY' ? [] : [match.sourceType]),
      sourceTypeKeys,
    ),
    byPrefix('sourcePrefixRanges', input => input.sourceIp),
    byValue(
      match => match.sourcePorts ?? [],
      input => [input.sourcePort],
    ),
  ]
}

/** Chooses among the filter chains of one listener; compiled once per plan. */
export class FilterChainMatcher {
  private readonly root: MatchNode
  /** The only chain when it matches everything: nothing needs to be known of a connection then. */
  readonly only: number

  constructor(root: MatchNode, only: number) {
    this.root = root
    this.only = only
  }

  /** Index of the chain, -1 when none matches. */
  find(input: MatchInput): number {
    return this.root.find(input)
  }
}

/** Compiles the matches of a listener's filter chains, in order. Two chains that could never be told apart are an error. */
export function compileFilterChainMatcher(
  matches: readonly (FilterChainMatchJson | undefined)[],
  diagnostics: Diagnostics,
  path: ConfigPath,
): FilterChainMatcher {
  const candidates = matches.map((match, index) => ({ index, match: match ?? {} }))
  for (const { index, match } of candidates)
    checkMatch(match, diagnostics, path.index(index).field('filter_chain_match'))
  const only = candidates.length === 1 && isEmpty(candidates[0]!.match) ? 0 : NoChain
  const overlaps = new Set<number>()
  const root = buildNode(candidates, criteria(), 0, overlaps)
  for (const index of overlaps) {
    diagnostics.error(
      path.index(index).field('filter_chain_match'),
      'matches the same connections as an earlier filter chain, so it can never be told apart from it',
    )
  }
  return new FilterChainMatcher(root, only)
}

function isEmpty(match: FilterChainMatchJson): boolean {
  return Object.keys(match).length === 0 || (Object.keys(match).length === 1 && match.sourceType === 'ANY')
}

function buildNode(
  chains: readonly Candidate[],
  all: readonly Criterion[],
  level: number,
  overlaps: Set<number>,
): MatchNode {
  const criterion = all[level]
  if (criterion === undefined) {
    for (const chain of chains.slice(1)) overlaps.add(chain.index)
    return new Leaf(chains[0]?.index ?? NoChain)
  }
  const groups = new Map<string | number, Candidate[]>()
  const careless: Candidate[] = []
  for (const chain of chains) {
    const branches = new Set(criterion.branchesOf(chain))
    if (branches.size === 0) careless.push(chain)
    for (const branch of branches) {
      const group = groups.get(branch)
      if (group === undefined) groups.set(branch, [chain])
      else group.push(chain)
    }
  }
  const fallback = careless.length === 0 ? null : buildNode(careless, all, level + 1, overlaps)
  if (groups.size === 0 && fallback !== null) return fallback
  const nodes = new Map<string | number, MatchNode>()
  for (const [branch, group] of groups) nodes.set(branch, buildNode(group, all, level + 1, overlaps))
  return criterion.build(nodes, fallback)
}

function checkMatch(match: FilterChainMatchJson, diagnostics: Diagnostics, path: ConfigPath): void {
  for (const field of ['prefixRanges', 'directSourcePrefixRanges', 'sourcePrefixRanges'] as const) {
    match[field]?.forEach((json, i) => {
      if (parseCidr(json) !== null) return
      diagnostics.error(path.field(field).index(i).field('address_prefix'), 'is not an IP address', {
        expected: 'an IPv4 or IPv6 address',
        found: json.addressPrefix ?? '',
      })
    })
  }
  match.serverNames?.forEach((name, i) => {
    if (!name.includes('*') || /^\*\.[^*]+$/.test(name)) return
    diagnostics.error(path.field('server_names').index(i), 'has a wildcard that is not its whole first label', {
      expected: 'a name such as "a.example.com" or "*.example.com"',
      found: name,
    })
  })
}
